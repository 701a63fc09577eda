// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func tiny() Params { return Params{Train: 24, Val: 8, Seed: 3} }

func generateTiny(t *testing.T) (string, Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "toy")
	s, err := Generate(context.Background(), dir, tiny(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// checksum is over the names and bytes of all files of dir, in order.
func checksum(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(sum, "%s %d\n", path, len(content))
		sum.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

func readAnnotations(t *testing.T, dir, split string) annotationFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, annotationPath(split)))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var file annotationFile
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBytesDependOnTheParametersAlone(t *testing.T) {
	first, _ := generateTiny(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	second, _ := generateTiny(t)
	if a, b := checksum(t, first), checksum(t, second); a != b {
		t.Errorf("two sets differ: %s and %s", a, b)
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the golden checksum is of amd64: others may fuse multiplications with additions")
	}
	if got := checksum(t, first); got != golden {
		t.Errorf("checksum %s, want %s (another release of Go may encode JPEG otherwise; "+
			"if the drawing changed, raise formatVersion)", got, golden)
	}
}

func TestAnotherSeedDrawsOtherImages(t *testing.T) {
	a := drawScene(role{}, subjectsOf(tiny()), randomOf(1, "train", 0))
	for name, b := range map[string]scene{
		"seed":  drawScene(role{}, subjectsOf(tiny()), randomOf(2, "train", 0)),
		"split": drawScene(role{}, subjectsOf(tiny()), randomOf(1, "val", 0)),
		"index": drawScene(role{}, subjectsOf(tiny()), randomOf(1, "train", 1)),
	} {
		if bytes.Equal(a.canvas.Pix, b.canvas.Pix) {
			t.Errorf("the image does not depend on the %s", name)
		}
	}
}

func TestEasy(t *testing.T) {
	dir := t.TempDir()
	p := tiny()
	p.Easy = true
	if _, err := Generate(context.Background(), dir, p, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, a := range readAnnotations(t, dir, "val").Annotations {
		if a.CategoryID != mainClasses()[0].category {
			t.Errorf("an object of category %d, want %d alone", a.CategoryID, mainClasses()[0].category)
		}
	}
}

func TestAnnotations(t *testing.T) {
	dir, summary := generateTiny(t)
	mains := map[int]bool{}
	for _, c := range mainClasses() {
		mains[c.category] = true
	}
	for split, want := range map[string]struct{ images, withBox, crowds, grey, rare int }{
		"train": {26, 24, 1, 1, 1},
		"val":   {8, 7, 1, 0, 0},
	} {
		file := readAnnotations(t, dir, split)
		sizes := map[int]image.Point{}
		grey := 0
		for i, img := range file.Images {
			if img.ID != i+1 || img.FileName != fmt.Sprintf("%012d.jpg", i+1) {
				t.Fatalf("%s: image %d is %+v", split, i, img)
			}
			content, err := os.ReadFile(filepath.Join(dir, split+"2017", img.FileName))
			if err != nil {
				t.Fatal(err)
			}
			picture, format, err := image.Decode(bytes.NewReader(content))
			if err != nil || format != "jpeg" || picture.Bounds().Size() != image.Pt(img.Width, img.Height) {
				t.Fatalf("%s: %s: %s %v (%v)", split, img.FileName, format, picture.Bounds(), err)
			}
			if _, isGrey := picture.(*image.Gray); isGrey {
				grey++
			}
			sizes[img.ID] = image.Pt(img.Width, img.Height)
		}
		withBox := map[int]bool{}
		crowds, degenerate, rare := 0, 0, 0
		for i, a := range file.Annotations {
			b, size := a.BBox, sizes[a.ImageID]
			if a.ID != i+1 || a.Segmentation == nil || len(a.Segmentation) != 0 {
				t.Errorf("%s: annotation %d is %+v", split, i, a)
			}
			if b[0] < 0 || b[1] < 0 || b[0]+b[2] > float64(size.X) || b[1]+b[3] > float64(size.Y) {
				t.Errorf("%s: box %v is outside its image of %v", split, b, size)
			}
			if diff := a.Area - b[2]*b[3]; diff < -1e-4 || diff > 1e-4 {
				t.Errorf("%s: area %v of box %v", split, a.Area, b)
			}
			crowds += a.IsCrowd
			if !mains[a.CategoryID] {
				rare++
			}
			if b[2] < 0.1 || b[3] < 0.1 {
				degenerate++
			} else {
				withBox[a.ImageID] = true
			}
		}
		got := [...]int{len(file.Images), len(withBox), crowds, grey, rare}
		if got != [...]int{want.images, want.withBox, want.crowds, want.grey, want.rare} {
			t.Errorf("%s: images, with box, crowds, grey, rare = %v, want %v", split, got, want)
		}
		if degenerate == 0 {
			t.Errorf("%s: no degenerate box", split)
		}
	}
	if summary.TrainImages != 26 || summary.ValImages != 8 || !summary.Drawn {
		t.Errorf("summary %+v", summary)
	}
}

func TestCategories(t *testing.T) {
	all := categories()
	if len(all) != 80 || all[0].ID != 1 || all[79].ID != 90 {
		t.Fatalf("%d categories, from %v to %v", len(all), all[0], all[len(all)-1])
	}
	for id, name := range map[int]string{11: "fire hydrant", 13: "stop sign", 44: "bottle", 65: "bed", 70: "toilet", 84: "book"} {
		found := false
		for _, c := range all {
			found = found || c.ID == id && c.Name == name
		}
		if !found {
			t.Errorf("no category %d %s", id, name)
		}
	}
	path := filepath.Join("..", "..", "..", "..", "shared", "tiny-coco2017", "annotations", "instances_val2017.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("real COCO's categories are not here: %v", err)
	}
	var real struct{ Categories []category }
	if err := json.Unmarshal(text, &real); err != nil {
		t.Fatal(err)
	}
	for i, c := range real.Categories {
		if c != all[i] {
			t.Errorf("category %+v, COCO has %+v", all[i], c)
		}
	}
}

// TestBoxesAreTight finds the pixels that an object changed.
func TestBoxesAreTight(t *testing.T) {
	r := randomOf(5, "tight", 0)
	for _, c := range append(mainClasses(), rareClasses()...) {
		for range 5 {
			s := scene{canvas: image.NewRGBA(image.Rect(0, 0, 360, 300))}
			s.add(c, minObject, r)
			b := s.boxes[0]
			changed := image.Rectangle{}
			for y := range 300 {
				for x := range 360 {
					at := s.canvas.RGBAAt(x, y)
					if at.R|at.G|at.B != 0 {
						changed = changed.Union(image.Rect(x, y, x+1, y+1))
					}
				}
			}
			for side, diff := range map[string]float64{
				"left":   float64(changed.Min.X) - b.x,
				"top":    float64(changed.Min.Y) - b.y,
				"right":  float64(changed.Max.X) - (b.x + b.w),
				"bottom": float64(changed.Max.Y) - (b.y + b.h),
			} {
				// A sharp corner covers too little of its last pixels to be seen.
				if diff < -2 || diff > 2 {
					t.Errorf("category %d: %s side is %.2f pixels off: box %+v, drawn %v", c.category, side, diff, b, changed)
				}
			}
		}
	}
}

func TestObjectsHardlyOverlap(t *testing.T) {
	for i := range 40 {
		boxes := drawScene(role{}, subjectsOf(tiny()), randomOf(9, "overlap", i)).boxes
		if len(boxes) == 0 {
			t.Errorf("scene %d has no object", i)
		}
		for j, a := range boxes {
			for _, b := range boxes[:j] {
				if share := overlap(a, b); share > maxOverlap {
					t.Errorf("scene %d: boxes %+v and %+v overlap by %.2f", i, a, b, share)
				}
			}
		}
	}
}

func TestSecondCallDoesNothing(t *testing.T) {
	dir, first := generateTiny(t)
	before := checksum(t, dir)
	second, err := Generate(context.Background(), dir, tiny(), Options{})
	if err != nil || second.Drawn {
		t.Fatalf("drawn again: %+v (%v)", second, err)
	}
	second.Drawn = true
	if first != second || checksum(t, dir) != before {
		t.Errorf("summary %+v, first %+v", second, first)
	}
}

func TestProgressCountsEveryImage(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]bool{}
	_, err := Generate(context.Background(), filepath.Join(t.TempDir(), "toy"), tiny(), Options{Progress: func(done, total int) {
		mu.Lock()
		defer mu.Unlock()
		seen[done] = true
		if total != 26+8 {
			t.Errorf("total %d, want %d", total, 26+8)
		}
	}})
	if err != nil || len(seen) != 26+8 || !seen[1] || !seen[26+8] {
		t.Errorf("heard of %d images, want %d (%v)", len(seen), 26+8, err)
	}
}

func TestOtherContentIsNotOverwritten(t *testing.T) {
	whole, _ := generateTiny(t)
	lost := filepath.Join(whole, "val2017", "000000000003.jpg")
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := tiny()
	other.Seed++
	expect := func(dir string, p Params, want string) {
		t.Helper()
		before := checksum(t, dir)
		_, err := Generate(context.Background(), dir, p, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--force") {
			t.Errorf("error %v, want %q and --force", err, want)
		}
		if checksum(t, dir) != before {
			t.Errorf("%s: the folder changed", want)
		}
	}
	expect(whole, other, "another data set")
	expect(foreign, tiny(), "foreign, or an unfinished data set")
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	expect(whole, tiny(), "lost files")
	for _, dir := range []string{whole, foreign} {
		if s, err := Generate(context.Background(), dir, tiny(), Options{Force: true}); err != nil || !s.Drawn {
			t.Errorf("with force: %+v (%v)", s, err)
		}
	}
	if _, err := os.Stat(lost); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(foreign, "notes.txt")); err != nil {
		t.Errorf("force removed a foreign file: %v", err)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	parent := t.TempDir()
	if _, err := Generate(ctx, filepath.Join(parent, "a", "toy"), tiny(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	// A file where a folder must be, found after images were written.
	dir := filepath.Join(parent, "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "annotations"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(context.Background(), dir, tiny(), Options{Force: true}); err == nil || !strings.Contains(err.Error(), "annotations") {
		t.Errorf("error %v, want one that names annotations", err)
	}
	var left []string
	_ = filepath.WalkDir(parent, func(path string, _ fs.DirEntry, err error) error {
		left = append(left, path)
		return err
	})
	if len(left) != 3 {
		t.Errorf("left: %v", left)
	}
}

func TestUnwritableFolder(t *testing.T) {
	_, err := Generate(context.Background(), "/proc/toy", tiny(), Options{})
	if err == nil || !strings.Contains(err.Error(), "/proc/toy") {
		t.Errorf("error %v, want one that names /proc/toy", err)
	}
}

func TestCheck(t *testing.T) {
	for want, p := range map[string]Params{
		"train is 0":    {Train: 0, Val: 1},
		"val is -1":     {Train: 1, Val: -1},
		"train is 2000": {Train: 200_001, Val: 1},
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

const golden = "9bb9da753070115b"
