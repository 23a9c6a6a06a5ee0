package main

import (
	"context"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

const scriptSeconds = 1

// run gives what script returns with object as its global `obj`.
//
// The sandbox is Argo CD's for scripts of its users: base and table libraries, of os only date and time, one
// second. There is no string library.
func run(object map[string]any, script string) (lua.LValue, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		opened := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(opened, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, loadClock)

	limit, cancel := context.WithTimeout(context.Background(), scriptSeconds*time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", valueOf(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return state.Get(-1), nil
}

func loadClock(state *lua.LState) int {
	state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"time": func(state *lua.LState) int {
			state.Push(lua.LNumber(time.Now().Unix()))
			return 1
		},
		"date": func(state *lua.LState) int {
			layout := strings.NewReplacer(
				"!", "", "%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%X", "15:04:05",
			).Replace(state.CheckString(1))
			state.Push(lua.LString(time.Now().UTC().Format(layout)))
			return 1
		},
	}))
	return 1
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(valueOf(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for name, item := range value {
			table.RawSetString(name, valueOf(state, item))
		}
		return table
	}
	return lua.LNil
}
