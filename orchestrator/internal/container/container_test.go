// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package container

import (
	"slices"
	"strings"
	"testing"
)

func TestMounts(t *testing.T) {
	got, err := Mounts([]Mount{{"/results/a", false}, {"/data/coco", true}, {"/data/coco/results", false}, {"/data/coco/w.pth", true},
		{"/data/coco", true}, {"/results/a", true}})
	want := []Mount{{"/data/coco", true}, {"/data/coco/results", false}, {"/results/a", false}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for path, want := range map[string]string{
		"data": "absolute", "/a/../b": "absolute", "/a,b": "comma", "/a:b": "colon",
		"/": "would hide", "/opt": "would hide /opt/mlperf-ssd", "/usr/local/x": "would hide /usr", "/opt/mlperf-ssd/lib": "would hide",
	} {
		if _, err := Mounts([]Mount{{path, true}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestPyxis(t *testing.T) {
	p := Pyxis{Image: "/i/a.sqsh", Name: PyxisName("12", 1), WorkDir: "/results", Mounts: []Mount{{"/data", true}, {"/results", false}}}
	if got := strings.Join(p.Create(), " "); got != "--container-image=/i/a.sqsh --container-name=mlperf-ssd-12-1" {
		t.Error(got)
	}
	want := "--container-name=mlperf-ssd-12-1 --container-workdir=/results --container-mounts=/data:/data:ro,/results:/results"
	if got := strings.Join(p.Enter(), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	p.Mounts = nil
	if got := strings.Join(p.Enter(), " "); strings.Contains(got, "mounts") {
		t.Error(got)
	}
	if got := p.Remove("12"); !slices.Equal(got[3:], []string{"sh", "pyxis_mlperf-ssd-12-1", "pyxis_12_mlperf-ssd-12-1"}) {
		t.Error(got)
	}
}

func TestEnrootImage(t *testing.T) {
	for image, want := range map[string]string{
		"nvcr.io/nvidia/mxnet:21.09-py3":          "nvcr.io#nvidia/mxnet:21.09-py3",
		"nvcr.io#nvidia/mxnet:21.09-py3":          "nvcr.io#nvidia/mxnet:21.09-py3",
		"docker://nvcr.io/nvidia/mxnet:21.09-py3": "docker://nvcr.io#nvidia/mxnet:21.09-py3",
		"localhost:5000/a/b":                      "localhost:5000#a/b",
		"ubuntu:22.04":                            "ubuntu:22.04",
		"user/image:tag":                          "user/image:tag",
		"/images/a.sqsh":                          "/images/a.sqsh",
		"./a.sqsh":                                "/work/a.sqsh",
		"images/a.sqsh":                           "/work/images/a.sqsh",
		"../a.sqsh":                               "/a.sqsh",
	} {
		if got, err := EnrootImage(image, "/work"); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", image, got, err, want)
		}
	}
	for _, image := range []string{"", "a b", "podman://a"} {
		if got, err := EnrootImage(image, "/work"); err == nil {
			t.Errorf("%q: %s", image, got)
		}
	}
}

func TestDocker(t *testing.T) {
	d := Docker{Image: "nvcr.io#a/b:1", Name: "mlperf-ssd-7", User: "1000:100", WorkDir: "/results", GPUs: true, Env: []string{"A=b c"},
		Mounts: []Mount{{"/data", true}, {"/results", false}}, Command: []string{Program, "launch"}}
	want := "run --rm --init --name=mlperf-ssd-7 --network=none --shm-size=8g --ulimit=memlock=-1 --ulimit=stack=67108864 " +
		"--cap-drop=ALL --cap-add=SYS_NICE --security-opt=no-new-privileges --read-only --tmpfs=/tmp --user=1000:100 --workdir=/results " +
		"--gpus=all --mount=type=bind,src=/data,dst=/data,readonly --mount=type=bind,src=/results,dst=/results --env=A=b c " +
		"nvcr.io/a/b:1 /opt/mlperf-ssd/bin/mlperf-ssd launch"
	got := strings.Join(d.Args(), " ")
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, more := range []string{"host", "privileged", "unconfined", "-t", "--tty", "-it"} {
		if slices.Contains(strings.FieldsFunc(got, func(r rune) bool { return r == ' ' || r == '=' }), more) {
			t.Errorf("asks for %s", more)
		}
	}
	d.GPUs = false
	if strings.Contains(strings.Join(d.Args(), " "), "gpus") {
		t.Error("asks for GPUs")
	}
}
