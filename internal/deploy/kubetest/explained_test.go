package kubetest

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Who has it.
const (
	everywhere = "everywhere"
	sometimes  = "where it is asked for"
	aks        = "aks-"
	legacy     = "aks-legacy-"
	intel      = "intel-"
	ack        = "ack-"
)

// field is why a field of a pod is there, which manifests have it, and, where
// the reason gives it one, its only value.
type field struct{ in, value, why string }

// explained has every field of every pod. Lists are [], and what is in them by
// its name where that says more.
func explained() map[string]field {
	return map[string]field{
		"metadata.labels.app.kubernetes.io/name":                                     {everywhere, "", "by which a Service finds it"},
		"metadata.annotations.sgx.intel.com/quote-provider":                          {intel, "", `"aesmd" has the webhook mount the socket and set SGX_AESM_ADDR; a container's name gives it provision=1, in process`},
		"spec.automountServiceAccountToken":                                          {everywhere, "false", "neither half talks to the cluster"},
		"spec.enableServiceLinks":                                                    {everywhere, "false", "no variables of other services"},
		"spec.terminationGracePeriodSeconds":                                         {everywhere, "30", "5 s unready, 10 s for the trusted half, and to spare"},
		"spec.tolerations[].key":                                                     {ack, "alibabacloud.com/sgx_epc_MiB", "the taint has the resource's name"},
		"spec.tolerations[].operator":                                                {ack, "Exists", "whatever the taint's value"},
		"spec.tolerations[].effect":                                                  {ack, "NoSchedule", "as the taint's"},
		affinity + "matchExpressions[].key":                                          {ack, "alibabacloud.com/tee-hardware-category", "the label of nodes with SGX"},
		affinity + "matchExpressions[].operator":                                     {ack, "In", "either kind"},
		affinity + "matchExpressions[].values[]":                                     {ack, "", "intel-sgx1 and intel-sgx2"},
		"spec.securityContext.runAsNonRoot":                                          {sometimes, "true", "AESM, or a group that has /dev/sgx_provision"},
		"spec.securityContext.runAsUser":                                             {everywhere, "", "10001; 0 where /dev/sgx_provision is root's and a group's"},
		"spec.securityContext.runAsGroup":                                            {everywhere, "", "as the user"},
		"spec.securityContext.fsGroup":                                               {sometimes, "10001", "a user of its own writes to /data"},
		"spec.securityContext.supplementalGroups[]":                                  {sometimes, "121", "the group of /dev/sgx_provision on the nodes"},
		"spec.securityContext.seccompProfile.type":                                   {everywhere, "RuntimeDefault", "SGX takes no more than open, ioctl and mmap"},
		"spec.containers[].name":                                                     {everywhere, "", "Intel's annotation names it"},
		"spec.containers[].image":                                                    {everywhere, "", "as given"},
		"spec.containers[].ports[attested].containerPort":                            {everywhere, "", "the trusted half's"},
		"spec.containers[].ports[status].containerPort":                              {everywhere, "", "the host half's"},
		"spec.containers[].env[ATTESTED_PORT].value":                                 {everywhere, "", "the trusted half serves where it is published"},
		"spec.containers[].env[STATUS_PORT].value":                                   {everywhere, "", "the host half answers where it is probed"},
		"spec.containers[].env[HOME].value":                                          {everywhere, "/tmp", "quote libraries cache below it, and the root is read-only"},
		"spec.containers[].env[SGX_AESM_ADDR].value":                                 {sometimes, "1", "out-of-process quotes; a quoted string"},
		"spec.containers[].env[QCNL_CONF_PATH].value":                                {sometimes, "/etc/sgx_default_qcnl_azure.conf", "in-process quotes need a service that knows the CPU"},
		"spec.containers[].resources.requests.memory":                                {everywhere, "992Mi", "as the limit"},
		"spec.containers[].resources.limits.memory":                                  {everywhere, "992Mi", "EPC that is paged out, EGo's launcher, the host half"},
		"spec.containers[].resources.limits.sgx.intel.com/epc":                       {sometimes, "736Mi", "a quantity: confcom's current resource, and Intel's"},
		"spec.containers[].resources.limits.sgx.intel.com/enclave":                   {intel, "1", "the webhook adds the same"},
		"spec.containers[].resources.limits.sgx.intel.com/provision":                 {sometimes, "1", "in-process quotes"},
		"spec.containers[].resources.limits.kubernetes.azure.com/sgx_epc_mem_in_MiB": {legacy, "736", "confcom's legacy resource: whole MiB"},
		"spec.containers[].resources.limits.alibabacloud.com/sgx_epc_MiB":            {ack, "736", "whole MiB, for scheduling only"},
		"spec.containers[].securityContext.privileged":                               {everywhere, "false", "device plugins take no privilege"},
		"spec.containers[].securityContext.allowPrivilegeEscalation":                 {everywhere, "false", "nothing is setuid"},
		"spec.containers[].securityContext.readOnlyRootFilesystem":                   {everywhere, "true", "/tmp and /data are volumes"},
		"spec.containers[].securityContext.capabilities.drop[]":                      {everywhere, "ALL", "ports are above 1023"},
		"spec.containers[].livenessProbe.httpGet.path":                               {everywhere, "/healthz", "the host half runs"},
		"spec.containers[].livenessProbe.httpGet.port":                               {everywhere, "status", "untrusted"},
		"spec.containers[].livenessProbe.periodSeconds":                              {everywhere, "10", ""},
		"spec.containers[].livenessProbe.timeoutSeconds":                             {everywhere, "5", ""},
		"spec.containers[].livenessProbe.failureThreshold":                           {everywhere, "6", "the trusted half is launched again without it"},
		"spec.containers[].readinessProbe.httpGet.path":                              {everywhere, "/readyz", "the trusted half serves"},
		"spec.containers[].readinessProbe.httpGet.port":                              {everywhere, "status", "untrusted"},
		"spec.containers[].readinessProbe.periodSeconds":                             {everywhere, "5", ""},
		"spec.containers[].readinessProbe.timeoutSeconds":                            {everywhere, "5", "longer than the host half asks the trusted half"},
		"spec.containers[].readinessProbe.failureThreshold":                          {everywhere, "1", "a killed trusted half is not asked"},
		"spec.containers[].volumeMounts[tmp].mountPath":                              {everywhere, "/tmp", "the socket of the two halves"},
		"spec.containers[].volumeMounts[data].mountPath":                             {everywhere, "/data", "what is sealed"},
		"spec.containers[].volumeMounts[aesmd].mountPath":                            {sometimes, "/var/run/aesmd", "where EGo looks for AESM"},
		"spec.containers[].volumeMounts[aesmd].readOnly":                             {sometimes, "true", "connecting writes nothing"},
		"spec.volumes[tmp].emptyDir.sizeLimit":                                       {everywhere, "64Mi", "a socket, and caches of collateral"},
		"spec.volumes[data].emptyDir":                                                {sometimes, "map[]", "without a claim"},
		"spec.volumes[data].persistentVolumeClaim.claimName":                         {sometimes, "", "with one"},
		"spec.volumes[aesmd].hostPath.path":                                          {sometimes, "/var/run/aesmd", "the directory, not the socket, which is made anew"},
		"spec.volumes[aesmd].hostPath.type":                                          {sometimes, "Directory", "fails where the quote helper is off; DirectoryOrCreate would hide that"},
	}
}

const affinity = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[]."

func TestEveryFieldIsExplained(t *testing.T) {
	reasons, seen := explained(), map[string]map[string]bool{}
	for manifest, text := range manifests(t) {
		fields := map[string]string{}
		flatten(fields, "", podOf(t, text))
		for name, value := range fields {
			f, ok := reasons[name]
			switch {
			case !ok:
				t.Errorf("%s: nobody has said why there is %s: %s", manifest, name, value)
			case f.value != "" && f.value != value:
				t.Errorf("%s: %s: %s, not %s (%s)", manifest, name, value, f.value, f.why)
			}
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			seen[name][manifest] = true
		}
	}
	for name, f := range reasons {
		checkWhere(t, name, f, seen[name])
	}
}

// checkWhere sees that all manifests of a dialect have a field, and no others.
func checkWhere(t *testing.T, name string, f field, seen map[string]bool) {
	t.Helper()
	if len(seen) == 0 {
		t.Errorf("%s: explained, and nowhere", name)
	}
	for manifest := range manifests(t) {
		dialect := strings.HasPrefix(manifest, f.in)
		if f.in != sometimes && seen[manifest] != (f.in == everywhere || dialect) {
			t.Errorf("%s: %s has it: %t", name, manifest, seen[manifest])
		}
	}
}

// podOf is the pod, or the template of one, as a map.
func podOf(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	if object["kind"] == "Deployment" {
		return object["spec"].(map[string]any)["template"].(map[string]any)
	}
	metadata := object["metadata"].(map[string]any)
	delete(metadata, "name")
	return map[string]any{"metadata": metadata, "spec": object["spec"]}
}

// flatten writes the leaves of a value, by their paths.
func flatten(to map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			to[path] = "map[]"
		}
		for name, below := range v {
			flatten(to, strings.TrimPrefix(path+"."+name, "."), below)
		}
	case []any:
		for _, element := range v {
			flatten(to, path+index(path, element), element)
		}
	default:
		to[path] = fmt.Sprint(v)
	}
}

// index is the place of an element in its path, and takes the name that it is
// known by out of it.
func index(path string, element any) string {
	m, ok := element.(map[string]any)
	name, named := m["name"].(string)
	if !ok || !named || strings.HasSuffix(path, "containers") {
		return "[]"
	}
	delete(m, "name")
	return "[" + name + "]"
}
