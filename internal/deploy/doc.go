// Package deploy writes the Kubernetes objects that run a trusted half, from
// its enclave.json and the dialect of the cluster's device plugin.
//
//	half, err := deploy.Open("enclave.json")
//	pod := deploy.Pod{Name: "orders", Image: "registry.example/orders:1", Dialect: deploy.AKS, Quotes: deploy.AESM, Half: half}
//	yaml, err := pod.YAML()
//
// One container has both halves: the host half is its entrypoint and launches
// the trusted half. What is written asks for no privilege, and says beside each
// line that is not obvious why it is there.
//
// The dialects follow what Azure, Alibaba Cloud and Intel document and, for
// Intel's and Alibaba's plugins, their source. Nothing here has been applied to
// a cluster with SGX yet.
package deploy
