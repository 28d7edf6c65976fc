// What Kubernetes takes from an imagePullSecret: reads the config.json that is the secret's content (the first argument) as the
// kubelet does, and prints the credentials that the container runtime gets for the image (the second).
package main

import (
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
)

func main() {
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	secret := v1.Secret{Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{v1.DockerConfigJsonKey: content}}
	ring, err := secrets.MakeDockerKeyring([]v1.Secret{secret}, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		panic(err)
	}
	found, ok := ring.Lookup(os.Args[2])
	if !ok {
		fmt.Println("no credentials for", os.Args[2])
		os.Exit(1)
	}
	for _, a := range found {
		fmt.Printf("%s:%s\n", a.Username, a.Password)
	}
}
