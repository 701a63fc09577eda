// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// convert gives what Convert makes of text, and makes sure that nothing else is left behind.
func convert(t testing.TB, text string, o Options) (string, error) {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.json")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "out")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(folder, "out.json")
	_, err := Convert(context.Background(), in, out, o)
	entries, listErr := os.ReadDir(folder)
	if listErr != nil {
		t.Fatal(listErr)
	}
	if err != nil {
		if len(entries) != 0 {
			t.Errorf("%d files left behind after %v", len(entries), err)
		}
		return "", err
	}
	if len(entries) != 1 {
		t.Errorf("%d files in the folder, want 1", len(entries))
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(made), nil
}

const v16 = `{"info":{},"licenses":[],"images":[{"license":4,"file_name":"a.jpg","coco_url":"u","height":4,"width":6,"id":7}],` +
	`"annotations":[{"segmentation":[[0,0,1,0,1,1]],"area":0.5,"iscrowd":1,"image_id":7,"bbox":[0,0,1,1],"category_id":18,"id":99}],` +
	`"categories":[{"supercategory":"animal","id":18,"name":"dog"}]}`

func TestVectorV16(t *testing.T) {
	const (
		images     = `{"images":[{"file_name":"a.jpg","height":4,"width":6,"id":7}],`
		categories = `"categories":[{"supercategory":"animal","id":18,"name":"dog"}]}`
	)
	for want, o := range map[string]Options{
		images + `"annotations":[{"segmentation":[],"area":1.0,"iscrowd":1,"image_id":7,"bbox":[0,0,1,1],"category_id":18,"id":99}],` + categories: {KeepKeys: true},
		images + `"annotations":[{"image_id":7,"bbox":[0,0,1,1],"category_id":18,"id":99}],` + categories:                                          {},
	} {
		got, err := convert(t, v16, o)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v: (-want +got)\n%s", o, err, diff)
		}
	}
}

// document is a file whose one annotation has the bbox that is given.
func document(bbox string) string {
	return `{"images":[],"annotations":[{"bbox":` + bbox + `}],"categories":[]}`
}

// TestValuesAsPython has on the right what Python 3.11's json writes for what is on the left.
func TestValuesAsPython(t *testing.T) {
	for in, want := range map[string]string{
		`0`: `0`, `-0`: `0`, `-0.0`: `-0.0`, `0.10`: `0.1`, `1.50`: `1.5`, `1.0`: `1.0`, `10.00`: `10.0`,
		`1e5`: `100000.0`, `1E+5`: `100000.0`, `1e15`: `1000000000000000.0`, `1e16`: `1e+16`, `1e22`: `1e+22`,
		`0.0001`: `0.0001`, `0.00001`: `1e-05`, `0.00012`: `0.00012`, `0.0000123`: `1.23e-05`, `10.00001`: `10.00001`,
		`1e400`: `Infinity`, `-1e400`: `-Infinity`, `NaN`: `NaN`, `Infinity`: `Infinity`, `-Infinity`: `-Infinity`,
		`9007199254740993`: `9007199254740993`, `9007199254740993.0`: `9007199254740992.0`,
		`1e-400`: `0.0`, `5e-324`: `5e-324`, `123456789012345678901234567890`: `123456789012345678901234567890`,
		`0.1000000000000000055511151231257827`: `0.1`, `0.30000000000000004`: `0.30000000000000004`,
		`"é"`: `"\u00e9"`, `"日"`: `"\u65e5"`, `"😀"`: `"\ud83d\ude00"`, `"\uD83D\uDE00"`: `"\ud83d\ude00"`,
		`"\ud83d"`: `"\ud83d"`, `"\u0041\u000a\u0022\u005c\u007f"`: `"A\n\"\\\u007f"`, `"\/"`: `"/"`, "\"\x7f\"": `"\u007f"`,
		`"\b\f\n\r\t\"\\"`: `"\b\f\n\r\t\"\\"`, `"\u0008\u000c\u000d\u0009\u0001"`: `"\b\f\r\t\u0001"`,
		` [ 1 , [ ] , { } , true , false , null ] `: `[1,[],{},true,false,null]`,
		`{"a":1,"b":2,"a":3}`:                       `{"a":3,"b":2}`,
		`{"a":1,"\u0061":{"c":1,"c":[]}}`:           `{"a":{"c":[]}}`,
	} {
		got, err := convert(t, document(in), Options{})
		if diff := cmp.Diff(document(want), got); err != nil || diff != "" {
			t.Errorf("%s: %v: (-want +got)\n%s", in, err, diff)
		}
	}
}

func TestKeysThatStandTwice(t *testing.T) {
	var many, once []string
	for i := range 40 {
		many = append(many, fmt.Sprintf(`"k%d":0`, i))
		once = append(once, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	in := `{"images":[5],"images":[{"id":1,"width":2,"id":3}],"categories":[],"annotations":[{}],` +
		`"annotations":[{"area":2,"x":1,"segmentation":{"counts":"\u0041"},"x":2,"area":3},{` + strings.Join(append(many, once...), ",") + `}],"info":[{}]}`
	in = strings.Replace(in, `"images":[5],`, `"images":[{}],`, 1)
	want := `{"images":[{"id":3,"width":2}],"annotations":[{"area":1.0,"x":2,"segmentation":[]},{` + strings.Join(once, ",") + `}],"categories":[]}`
	got, err := convert(t, in, Options{KeepKeys: true})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v: (-want +got)\n%s", err, diff)
	}
}

func TestIndent(t *testing.T) {
	want := `{
    "images": [],
    "annotations": [
        {
            "bbox": [
                1,
                {},
                [],
                {
                    "a": 1.0
                }
            ]
        }
    ],
    "categories": [
        {},
        {
            "id": 1
        }
    ]
}`
	got, err := convert(t, `{"categories":[{},{"id":0,"id":1}],"annotations":[{"bbox":[1,{},[],{"a":1e0}]}],"images":[]}`, Options{Indent: 4})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v: (-want +got)\n%s", err, diff)
	}
}

func TestBrokenFiles(t *testing.T) {
	deep := strings.Repeat("[", maxDepth)
	for in, want := range map[string]string{
		``:                         "line 1, byte 0: the file ends where '{' must",
		`[]`:                       "line 1, byte 0: '[' stands where '{' must",
		"\xef\xbb\xbf{}":           "byte 0: byte 0xef stands where '{' must",
		`{}`:                       "no COCO annotations: images, annotations, categories missing",
		`{"images":[]}`:            "annotations, categories missing",
		"{\n\"images\":{}}":        "images: line 2, byte 11: '{' stands where '[' must",
		`{"annotations":[7]}`:      "annotations: line 1, byte 16: '7' stands where '{' must",
		v16 + "x":                  "'x' stands behind the end of the document",
		document(`[1,]`):           "']' stands behind a comma",
		document(`[1 2]`):          "'2' stands where ',' or ']' must",
		document(`{"a" 1}`):        "'1' stands where ':' must",
		document(`{1:1}`):          `'1' stands where '"' must`,
		document(`01`):             "'1' stands where ',' or '}' must",
		document(`1.`):             "'.' stands where ',' or '}' must",
		document(`1e`):             "'e' stands where ',' or '}' must",
		document(`-`):              "a minus without a number",
		document(`+1`):             "'+' stands where a value must",
		document(`nul`):            "'n' stands where a value must",
		document("\"a\nb\""):       "a control character 0x0a within a text",
		document(`"\x"`):           `\x is no escape`,
		document(`"\u12g4"`):       `\u needs four hexadecimal digits`,
		document("\"\xed\xa0\x80"): "byte 0xed is no UTF-8",
		document("\"\xff\""):       "byte 0xff is no UTF-8",
		`{"images":`:               "the file ends where '[' must",
		`{"info":"abc`:             "the file ends within a text",
		`{"info":"abc\`:            "the file ends within a text",
		`{"info":` + deep:          "more than 900 arrays and objects within each other",
		document(strings.Repeat("1", maxDigits+1)):                      "a number of more than 4300 digits",
		document("1." + strings.Repeat("1", 3*maxNumber)):               "a number of more than 4300 digits",
		`{"info":[` + strings.Repeat("1", maxDigits+1):                  "a number of more than 4300 digits",
		document(`"` + strings.Repeat("x", maxRecord+bufferSize) + `"`): "a record of more than",
	} {
		shown := in[:min(len(in), 60)]
		if _, err := convert(t, in, Options{}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "in.json: ") {
			t.Errorf("%q: error %v, want %q and the file", shown, err, want)
		}
	}
	for n := range v16 {
		if _, err := convert(t, v16[:n], Options{}); err == nil {
			t.Errorf("cut to %d bytes the file is read", n)
		}
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.json")
	if err := os.WriteFile(in, []byte(v16), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(context.Background(), filepath.Join(dir, "none"), in, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no input: %v", err)
	}
	if _, err := Convert(context.Background(), in, filepath.Join(dir, "none", "out"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder for the output: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Convert(stopped, in, in, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if got, err := os.ReadFile(in); err != nil || string(got) != v16 {
		t.Errorf("the file became %q (%v)", got, err)
	}
	counts, err := Convert(context.Background(), in, in, Options{})
	if want := (Counts{1, 1, 1}); err != nil || counts != want {
		t.Errorf("over itself: %+v, want %+v (%v)", counts, want, err)
	}
}

// transform is Convert from a reader to memory; dir is for the spool.
func transform(t testing.TB, in io.Reader, dir string, o Options) (string, error) {
	t.Helper()
	spool, err := newSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.close()
	c := converter{newScanner(context.Background(), in), layout{o.Indent}, spool, o.KeepKeys}
	if err := c.document(); err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := c.write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String(), nil
}

// TestManyBuffers has values that begin and end at any place of the buffer.
func TestManyBuffers(t *testing.T) {
	var in, want strings.Builder
	in.WriteString(`{"images":[],"categories":[],"annotations":[`)
	want.WriteString(`{"images":[],"annotations":[`)
	for i := range 4 * bufferSize / 50 {
		comma := ""
		if i > 0 {
			comma = ","
		}
		fmt.Fprintf(&in, `%s{"segmentation":[[%d.25,%d]],"bbox":[%d.50, "é%d"]}`, comma, i, i, i, i)
		fmt.Fprintf(&want, `%s{"segmentation":[],"bbox":[%d.5,"\u00e9%d"]}`, comma, i, i)
	}
	in.WriteString(`]}`)
	want.WriteString(`],"categories":[]}`)
	for name, reader := range map[string]io.Reader{
		"whole": strings.NewReader(in.String()), "halves": iotest.HalfReader(strings.NewReader(in.String())),
		"bytes": iotest.OneByteReader(strings.NewReader(in.String())),
	} {
		got, err := transform(t, reader, t.TempDir(), Options{KeepKeys: true})
		if err != nil || got != want.String() {
			t.Errorf("%s: the result differs (%v)", name, err)
		}
	}
	broken := iotest.TimeoutReader(strings.NewReader(in.String()))
	if _, err := transform(t, broken, t.TempDir(), Options{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// FuzzConvert holds that what is made stays as it is when made again, that the buffer's borders change
// nothing, and that it is JSON where the file was.
func FuzzConvert(f *testing.F) {
	for _, text := range []string{v16, document(`[0.10,-0,1e5,NaN,"\u00e9\n",{"a":1,"a":[]}]`), document(`"\ud83d\ude00é"`), `{"images":[{"id":[[[[]]]]}]}`} {
		f.Add([]byte(text), true, 4)
		f.Add([]byte(text), false, 0)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte, keep bool, indent int) {
		o := Options{KeepKeys: keep, Indent: indent & 7}
		once, err := transform(t, bytes.NewReader(in), dir, o)
		slow, slowErr := transform(t, iotest.OneByteReader(bytes.NewReader(in)), dir, o)
		if once != slow || fmt.Sprint(err) != fmt.Sprint(slowErr) {
			t.Fatalf("byte by byte %q (%v), at once %q (%v)", slow, slowErr, once, err)
		}
		if err != nil {
			return
		}
		if json.Valid(in) && !json.Valid([]byte(once)) && !strings.Contains(once, "Infinity") {
			t.Fatalf("%q became %q", in, once)
		}
		if again, err := transform(t, strings.NewReader(once), dir, o); err != nil || again != once {
			t.Fatalf("made again %q becomes %q (%v)", once, again, err)
		}
	})
}
