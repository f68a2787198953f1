package kubetest

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cleave-sdk/cleave/internal/deploy/kubetest/outside"
)

const base = "../../../examples/attestedhttp/deploy/base"

// What is written by hand beside the manifests is as strictly decoded.
func TestStrictBase(t *testing.T) {
	outside.Folder(t, base)
	for file, check := range map[string]func(runtime.Object) bool{
		"claim.yaml":   func(o runtime.Object) bool { _, ok := o.(*corev1.PersistentVolumeClaim); return ok },
		"service.yaml": func(o runtime.Object) bool { _, ok := o.(*corev1.Service); return ok },
		"networkpolicy.yaml": func(o runtime.Object) bool {
			p, ok := o.(*networkingv1.NetworkPolicy)
			return ok && checkPolicy(t, p.Spec)
		},
	} {
		text, err := os.ReadFile(filepath.Join(base, file))
		if err != nil {
			t.Fatal(err)
		}
		object, err := decode(t, text)
		if err != nil || !check(object) {
			t.Errorf("%s: a %T, %v", file, object, err)
		}
	}
}

// checkPolicy sees that the pod is meant, that anybody has the trusted half's
// port, and that the host half's is for namespaces with a label.
func checkPolicy(t *testing.T, spec networkingv1.NetworkPolicySpec) bool {
	t.Helper()
	outside.Folder(t, base+"/../overlays/aks")
	aks, err := os.ReadFile(filepath.Join(base, "../overlays/aks/deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pod := template(t, "aks", aks)
	selects, err := metav1.LabelSelectorAsSelector(&spec.PodSelector)
	if err != nil || selects.Empty() || !selects.Matches(labels.Set(pod.Labels)) {
		t.Errorf("not for the pod: %v, %v", selects, err)
	}
	if len(spec.PolicyTypes) != 1 || spec.PolicyTypes[0] != networkingv1.PolicyTypeIngress || len(spec.Ingress) != 2 {
		t.Errorf("%+v", spec)
		return false
	}
	anybody, labelled := spec.Ingress[0], spec.Ingress[1]
	for name, rule := range map[string]networkingv1.NetworkPolicyIngressRule{"attested": anybody, "status": labelled} {
		if len(rule.Ports) != 1 || rule.Ports[0].Port.String() != name || *rule.Ports[0].Protocol != corev1.ProtocolTCP || !has(pod, name) {
			t.Errorf("%s: %+v", name, rule)
		}
	}
	if len(anybody.From) != 0 || len(labelled.From) != 1 {
		t.Errorf("%+v, %+v", anybody, labelled)
		return false
	}
	from := labelled.From[0]
	return from.PodSelector == nil && from.IPBlock == nil && from.NamespaceSelector != nil && len(from.NamespaceSelector.MatchLabels) == 1
}

func has(pod corev1.PodTemplateSpec, port string) bool {
	for _, p := range pod.Spec.Containers[0].Ports {
		if p.Name == port {
			return true
		}
	}
	return false
}
