package kubetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/cleave-sdk/cleave/internal/deploy/kubetest/outside"
)

// manifests are what package deploy writes, by name: its golden files.
func manifests(t *testing.T) map[string][]byte {
	t.Helper()
	outside.Folder(t, "../testdata")
	files, err := filepath.Glob("../testdata/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = b
	}
	return all
}

// decode refuses fields that the release does not know, or that are there
// twice, as an API server does when it is asked to be strict.
func decode(t *testing.T, text []byte) (runtime.Object, error) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := s.Decode(text, nil, nil)
	return object, err
}

// template is the pod's part of either kind of object.
func template(t *testing.T, name string, text []byte) corev1.PodTemplateSpec {
	t.Helper()
	object, err := decode(t, text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	switch o := object.(type) {
	case *corev1.Pod:
		return corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
	case *appsv1.Deployment:
		if o.Spec.Selector.MatchLabels["app.kubernetes.io/name"] != o.Spec.Template.Labels["app.kubernetes.io/name"] || *o.Spec.Replicas != 1 {
			t.Errorf("%s: %+v", name, o.Spec)
		}
		return o.Spec.Template
	}
	t.Fatalf("%s: a %T", name, object)
	return corev1.PodTemplateSpec{}
}

func TestStrict(t *testing.T) {
	for name, text := range manifests(t) {
		pod := template(t, name, text)
		if isPod := strings.HasSuffix(name, "-pod"); isPod != (strings.Contains(string(text), "\nkind: Pod\n")) {
			t.Errorf("%s: is of the wrong kind", name)
		}
		if len(pod.Spec.Containers) != 1 {
			t.Fatalf("%s: %d containers", name, len(pod.Spec.Containers))
		}
		checkHardened(t, name, &pod)
		checkQuotes(t, name, &pod)
	}
}

// checkHardened is what every dialect has in common.
func checkHardened(t *testing.T, name string, pod *corev1.PodTemplateSpec) {
	t.Helper()
	spec, c := pod.Spec, pod.Spec.Containers[0]
	s := c.SecurityContext
	if *s.Privileged || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || s.Capabilities.Add != nil {
		t.Errorf("%s: %+v", name, s)
	}
	if *spec.AutomountServiceAccountToken || *spec.EnableServiceLinks || spec.HostNetwork || spec.HostPID || spec.HostIPC {
		t.Errorf("%s: %+v", name, spec)
	}
	if spec.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: %+v", name, spec.SecurityContext)
	}
	if root := *spec.SecurityContext.RunAsUser == 0; root == (spec.SecurityContext.RunAsNonRoot != nil) {
		t.Errorf("%s: %+v", name, spec.SecurityContext)
	}
	for _, v := range spec.Volumes {
		if v.HostPath != nil && v.HostPath.Path != "/var/run/aesmd" {
			t.Errorf("%s: mounts the node's %s", name, v.HostPath.Path)
		}
	}
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.ReadinessProbe.HTTPGet.Port.StrVal != "status" {
		t.Errorf("%s: %+v, %+v", name, c.LivenessProbe, c.ReadinessProbe)
	}
	for _, port := range c.Ports {
		if told := valueOf(c.Env, strings.ToUpper(port.Name)+"_PORT"); told != fmt.Sprint(port.ContainerPort) {
			t.Errorf("%s: %s is %d, and the host half is told %q", name, port.Name, port.ContainerPort, told)
		}
	}
	if c.Name != pod.Labels["app.kubernetes.io/name"] {
		t.Errorf("%s: the container is %q and the label %q", name, c.Name, pod.Labels["app.kubernetes.io/name"])
	}
}

func valueOf(env []corev1.EnvVar, name string) (value string) {
	for _, e := range env {
		if e.Name == name {
			value = e.Value
		}
	}
	return value
}

// checkQuotes sees that there is one way to a quote, and all that it takes.
func checkQuotes(t *testing.T, name string, pod *corev1.PodTemplateSpec) {
	t.Helper()
	c := pod.Spec.Containers[0]
	limits := func(r corev1.ResourceName) (int64, bool) {
		q, ok := c.Resources.Limits[r]
		return q.Value(), ok
	}
	addressed, mounted := valueOf(c.Env, "SGX_AESM_ADDR"), false
	for _, m := range c.VolumeMounts {
		mounted = mounted || m.MountPath == "/var/run/aesmd"
	}
	_, device := limits("sgx.intel.com/provision")
	webhook := pod.Annotations["sgx.intel.com/quote-provider"] == "aesmd"
	byAESM := addressed == "1" && mounted || webhook
	if byAESM == device || (addressed == "1") != mounted || webhook && mounted {
		t.Errorf("%s: SGX_AESM_ADDR=%q, socket %t, provision %t, annotations %v", name, addressed, mounted, device, pod.Annotations)
	}
	if itself, ok := pod.Annotations["sgx.intel.com/quote-provider"]; ok && !webhook && (itself != c.Name || !device) {
		t.Errorf("%s: quotes by %q", name, itself)
	}
	const want = 512 + 128 + 32 + 64 // as the golden half has it
	epc, ok := limits("sgx.intel.com/epc")
	aks, legacy := limits("kubernetes.azure.com/sgx_epc_mem_in_MiB")
	ack, alibaba := limits("alibabacloud.com/sgx_epc_MiB")
	if ok && epc != want<<20 || legacy && aks != want || alibaba && ack != want || !ok && !legacy && !alibaba {
		t.Errorf("%s: %v", name, c.Resources.Limits)
	}
}

// A manifest with a field too many must be refused here, or nothing is shown.
func TestStrictIsStrict(t *testing.T) {
	text := string(manifests(t)["aks-aesm"])
	for name, changed := range map[string]string{
		"an unknown field":            strings.Replace(text, "enableServiceLinks:", "enableServiceLink:", 1),
		"a field in the wrong place":  strings.Replace(text, "    spec:\n", "    spec:\n      privileged: true\n", 1),
		"a field twice":               strings.Replace(text, "enableServiceLinks: false", "enableServiceLinks: false\n      enableServiceLinks: false", 1),
		"an address without its mark": strings.Replace(text, `value: "1"`, `value: 1`, 1),
		"an amount that is none":      strings.Replace(text, `"736Mi"`, `"736MiB"`, 1),
	} {
		if changed == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := decode(t, []byte(changed)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
