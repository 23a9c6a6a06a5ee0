package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// The words that Argo CD takes from a script; any other becomes Unknown.
var healthWords = []string{"Unknown", "Progressing", "Healthy", "Suspended", "Degraded", "Missing"}

// argo judges as Argo CD does: its own rule on deletion first, then the kind's script.
type argo struct {
	scripts string
}

func (a argo) health(object *unstructured.Unstructured) (*verdict, error) {
	if object.GetDeletionTimestamp() != nil {
		return &verdict{Status: "Progressing", Message: "Pending deletion"}, nil
	}
	script, err := a.script(object, "health.lua")
	if err != nil {
		return nil, err
	}
	health := &verdict{}
	if err := call(object, script, health); err != nil {
		return nil, err
	}
	if !slices.Contains(healthWords, health.Status) {
		return &verdict{Status: "Unknown", Message: "Lua returned an invalid health status"}, nil
	}
	return health, nil
}

// actions tells which actions the kind offers for object, and whether each is disabled now.
func (a argo) actions(object *unstructured.Unstructured) (map[string]bool, error) {
	script, err := a.script(object, "actions", "discovery.lua")
	if err != nil {
		return nil, err
	}
	offered := map[string]struct {
		Disabled bool `json:"disabled"`
	}{}
	if err := call(object, script, &offered); err != nil {
		return nil, err
	}
	disabled := map[string]bool{}
	for name, action := range offered {
		disabled[name] = action.Disabled
	}
	return disabled, nil
}

// act runs an action's script; what it returns is the object as Argo CD would patch it.
func (a argo) act(object *unstructured.Unstructured, action string) (map[string]any, error) {
	script, err := a.script(object, "actions", action, "action.lua")
	if err != nil {
		return nil, err
	}
	changed := map[string]any{}
	if err := call(object, script, &changed); err != nil {
		return nil, err
	}
	return like(changed, object.Object), nil
}

// anyKind is the directory whose scripts serve every kind of its group, as in Argo CD's repository.
const anyKind = "_"

func (a argo) script(object *unstructured.Unstructured, path ...string) (string, error) {
	kind := object.GroupVersionKind()
	text, err := os.ReadFile(filepath.Join(append([]string{a.scripts, kind.Group, kind.Kind}, path...)...))
	if os.IsNotExist(err) {
		text, err = os.ReadFile(filepath.Join(append([]string{a.scripts, kind.Group, anyKind}, path...)...))
	}
	return string(text), err
}

// call runs script on object and reads the table that it returns into result.
func call(object *unstructured.Unstructured, script string, result any) error {
	returned, err := run(object.Object, script)
	if err != nil {
		return err
	}
	if returned.Type() != lua.LTTable {
		return fmt.Errorf("expect table output from Lua script, not %s", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

// like gives empty lists of changed back the type that they have in original: Lua has one kind of empty table.
func like(changed, original map[string]any) map[string]any {
	for name, value := range changed {
		before, isMap := original[name].(map[string]any)
		if !isMap {
			continue
		}
		switch now := value.(type) {
		case map[string]any:
			changed[name] = like(now, before)
		case []any:
			if len(now) == 0 {
				changed[name] = before
			}
		}
	}
	return changed
}
