package main

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// kstatus is the verdict of the library that Flux and Helm read resources with.
func kstatus(object *unstructured.Unstructured) (*verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	return &verdict{Status: result.Status.String(), Message: result.Message}, nil
}
