package bench

import (
	"reflect"
	"slices"
)

// median returns the result whose every number is the median of the results'. What
// one of them lacks it lacks. There must be a result.
func median(results []Result) Result {
	values := make([]reflect.Value, len(results))
	for i := range results {
		values[i] = reflect.ValueOf(results[i])
	}
	return medianOf(values).Interface().(Result) //nolint:forcetypeassert // of what went in
}

// medianOf knows what a Result is made of: numbers, structs and pointers to them.
func medianOf(values []reflect.Value) reflect.Value {
	t := values[0].Type()
	out := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Float64:
		out.SetFloat(middle(values))
	case reflect.Pointer:
		if slices.ContainsFunc(values, reflect.Value.IsNil) {
			return out
		}
		p := reflect.New(t.Elem())
		p.Elem().Set(medianOf(each(values, reflect.Value.Elem)))
		out.Set(p)
	case reflect.Struct:
		for i := range t.NumField() {
			out.Field(i).Set(medianOf(each(values, func(v reflect.Value) reflect.Value { return v.Field(i) })))
		}
	default:
		panic("bench: a result holds a " + t.String())
	}
	return out
}

func each(values []reflect.Value, f func(reflect.Value) reflect.Value) []reflect.Value {
	out := make([]reflect.Value, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

func middle(values []reflect.Value) float64 {
	var all []float64
	for _, v := range values {
		all = append(all, v.Float())
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// ratio compares the numbers that bars are set for.
func ratio(r, baseline *Result) map[string]float64 {
	out := map[string]float64{}
	set := func(name string, a, b float64) {
		if b > 0 {
			out[name] = a / b
		}
	}
	set("latencyP50", r.LatencyMs.P50, baseline.LatencyMs.P50)
	set("latencyP99", r.LatencyMs.P99, baseline.LatencyMs.P99)
	set("firstKeyframeP50", r.FirstKeyframeMs.P50, baseline.FirstKeyframeMs.P50)
	a, b := r.Server, baseline.Server
	if a == nil || b == nil {
		return out
	}
	set("cpuPerPacket", a.CPUUsPerPacket, b.CPUUsPerPacket)
	set("switchesPerPacket", a.SwitchesPerPacket, b.SwitchesPerPacket)
	set("memoryPerSubscriber", a.KBPerSubscriber, b.KBPerSubscriber)
	if a.GoroutinesPerSubscriber != nil && b.GoroutinesPerSubscriber != nil {
		set("goroutinesPerSubscriber", *a.GoroutinesPerSubscriber, *b.GoroutinesPerSubscriber)
	}
	if a.CPUMsPerJoin != nil && b.CPUMsPerJoin != nil {
		set("cpuPerJoinAndLeave", *a.CPUMsPerJoin+*a.CPUMsPerLeave, *b.CPUMsPerJoin+*b.CPUMsPerLeave)
	}
	return out
}
