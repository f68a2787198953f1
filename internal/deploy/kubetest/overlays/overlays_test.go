// Package overlays has the test that kustomize builds the example's overlays
// as they are.
package overlays

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const folder = "../../../../examples/attestedhttp/deploy/overlays"

// TestOverlays has every overlay consist of the base, and of the object that
// the command has written, unchanged.
func TestOverlays(t *testing.T) {
	for _, dialect := range []string{"aks", "ack", "intel"} {
		dir := filepath.Join(folder, dialect)
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
		if err != nil {
			t.Errorf("%s: %v", dialect, err)
			continue
		}
		kinds := map[string]map[string]any{}
		for _, r := range built.Resources() {
			if kinds[r.GetKind()], err = r.Map(); err != nil {
				t.Fatal(err)
			}
			if r.GetName() != "attestedhttp" && r.GetName() != "attestedhttp-data" {
				t.Errorf("%s: a %s called %s", dialect, r.GetKind(), r.GetName())
			}
		}
		if len(kinds) != 3 || kinds["Service"] == nil || kinds["PersistentVolumeClaim"] == nil {
			t.Errorf("%s: %d kinds of objects", dialect, len(kinds))
		}
		if want := object(t, filepath.Join(dir, "deployment.yaml")); !reflect.DeepEqual(normal(t, kinds["Deployment"]), want) {
			t.Errorf("%s: kustomize makes something else of deployment.yaml", dialect)
		}
	}
}

func object(t *testing.T, file string) (o map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &o); err != nil || len(o) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	return o
}

// normal has the numbers that decoding makes.
func normal(t *testing.T, o map[string]any) (n map[string]any) {
	t.Helper()
	text, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
