// Package overlays has the test that kustomize builds the example's overlays
// as they are.
package overlays

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/cleave-sdk/cleave/internal/deploy/kubetest/outside"
)

const folder = "../../../../examples/attestedhttp/deploy/overlays"

// TestOverlays has every overlay consist of the base, and of the object that
// the command has written, unchanged.
func TestOverlays(t *testing.T) {
	outside.Folder(t, folder+"/../base")
	for _, dialect := range []string{"aks", "ack", "intel"} {
		dir := filepath.Join(folder, dialect)
		outside.Folder(t, folder+"/"+dialect)
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
		if len(kinds) != 4 || kinds["Service"] == nil || kinds["NetworkPolicy"] == nil || kinds["PersistentVolumeClaim"] == nil {
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

// TestAESMD has the walk-through's kustomization change Intel's manifest, of
// which there is as much here as that takes.
func TestAESMD(t *testing.T) {
	outside.Folder(t, folder+"/../..")
	text, err := os.ReadFile("../../../../examples/attestedhttp/WALKTHROUGH.md")
	if err != nil {
		t.Fatal(err)
	}
	_, kustomization, _ := strings.Cut(string(text), "<<KUSTOMIZATION\n")
	kustomization, _, found := strings.Cut(kustomization, "\nKUSTOMIZATION\n")
	if !found {
		t.Fatal("no kustomization")
	}
	kustomization = strings.NewReplacer("$PLUGINS/sgx_aesmd?ref=$RELEASE", "intel", "$AESMD", "registry.example/aesmd", "$RELEASE", "v1", "$PCCS", "https://pccs.example:8081").Replace(kustomization)
	disk := filesys.MakeFsInMemory()
	for name, content := range map[string]string{
		"/kustomization.yaml":          kustomization,
		"/intel/kustomization.yaml":    "resources: [daemon.yaml]\ngeneratorOptions: {disableNameSuffixHash: true}\nconfigMapGenerator: [{name: sgx-attestation-conf, files: [aesmd.conf, sgx_default_qcnl.conf]}]\n",
		"/intel/daemon.yaml":           "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: intel-sgx-aesmd}\nspec: {template: {spec: {containers: [{name: aesmd, image: \"intel/sgx-aesmd-demo:devel\"}]}}}\n",
		"/intel/aesmd.conf":            "default quoting type = ecdsa_256\n",
		"/intel/sgx_default_qcnl.conf": "{ // as it comes\n\"pccs_url\": \"https://localhost:8081/sgx/certification/v4/\"}\n",
	} {
		if err := disk.WriteFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/")
	if err != nil {
		t.Fatal(err)
	}
	made, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"image: registry.example/aesmd:v1\n", `{"pccs_url": "https://pccs.example:8081/sgx/certification/v4/",`, "ecdsa_256"} {
		if !strings.Contains(string(made), want) {
			t.Errorf("no %s in:\n%s", want, made)
		}
	}
	if strings.Contains(string(made), "localhost") || strings.Contains(string(made), "$") {
		t.Errorf("%s", made)
	}
}
