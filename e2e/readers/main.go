// Command readers says what those who read a resource's status make of it: kstatus, and Argo CD.
//
// It answers each line of standard input, a JSON object, with one line of standard output:
//
//	{"object": OBJECT}                    -> {"kstatus": VERDICT, "argo": VERDICT}
//	{"object": OBJECT, "discover": true}  -> {"actions": {NAME: DISABLED, …}}
//	{"object": OBJECT, "action": NAME}    -> {"object": the object after Argo CD's action}
//
// VERDICT is {"status": WORD, "message": TEXT}. What can't be answered is answered with {"error": TEXT}.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type request struct {
	Object   *unstructured.Unstructured `json:"object"`
	Discover bool                       `json:"discover,omitempty"`
	Action   string                     `json:"action,omitempty"`
}

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type answer struct {
	Kstatus *verdict        `json:"kstatus,omitempty"`
	Argo    *verdict        `json:"argo,omitempty"`
	Actions map[string]bool `json:"actions,omitempty"`
	Object  map[string]any  `json:"object,omitempty"`
	Error   string          `json:"error,omitempty"`
}

func main() {
	scripts := flag.String("scripts", "resource_customizations", "directory of Argo CD's GROUP/KIND/health.lua")
	flag.Parse()
	if err := serve(os.Stdin, os.Stdout, argo{scripts: *scripts}); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer, argo argo) error {
	lines, answers := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answers.Encode(reply(line, argo)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func reply(line []byte, argo argo) answer {
	answered, err := read(line, argo)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answered
}

func read(line []byte, argo argo) (answer, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{}, err
	}
	switch {
	case asked.Object == nil:
		return answer{}, fmt.Errorf("give an object")
	case asked.Discover:
		actions, err := argo.actions(asked.Object)
		return answer{Actions: actions}, err
	case asked.Action != "":
		object, err := argo.act(asked.Object, asked.Action)
		return answer{Object: object}, err
	}
	computed, err := kstatus(asked.Object)
	if err != nil {
		return answer{}, err
	}
	health, err := argo.health(asked.Object)
	return answer{Kstatus: computed, Argo: health}, err
}
