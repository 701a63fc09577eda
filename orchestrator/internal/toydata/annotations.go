// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

import (
	"encoding/json"
	"fmt"
	"math"
)

// The keys of COCO's instances_*.json.
type (
	annotationFile struct {
		Info        infoEntry         `json:"info"`
		Licenses    []licenseEntry    `json:"licenses"`
		Images      []imageEntry      `json:"images"`
		Annotations []annotationEntry `json:"annotations"`
		Categories  []category        `json:"categories"`
	}
	infoEntry struct {
		Description string `json:"description"`
		Version     string `json:"version"`
	}
	licenseEntry struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	imageEntry struct {
		License  int    `json:"license"`
		FileName string `json:"file_name"`
		Height   int    `json:"height"`
		Width    int    `json:"width"`
		ID       int    `json:"id"`
	}
	annotationEntry struct {
		Segmentation []int      `json:"segmentation"`
		Area         float64    `json:"area"`
		IsCrowd      int        `json:"iscrowd"`
		ImageID      int        `json:"image_id"`
		BBox         [4]float64 `json:"bbox"`
		CategoryID   int        `json:"category_id"`
		ID           int        `json:"id"`
	}
)

// fileName is the name of an image.
func fileName(id int) string { return fmt.Sprintf("%012d.jpg", id) }

// makeAnnotations is the annotation file of images with ids from 1, in their order.
func makeAnnotations(split string, images []drawn) ([]byte, error) {
	file := annotationFile{
		Info:        infoEntry{"Drawn toy scenes (" + split + ") in the format of COCO 2017", "1"},
		Licenses:    []licenseEntry{{1, "Apache-2.0"}},
		Images:      []imageEntry{},
		Annotations: []annotationEntry{},
		Categories:  categories(),
	}
	for i, img := range images {
		id := i + 1
		file.Images = append(file.Images, imageEntry{1, fileName(id), img.height, img.width, id})
		for _, b := range img.boxes {
			crowd := 0
			if b.crowd {
				crowd = 1
			}
			bbox := [4]float64{hundredths(b.x), hundredths(b.y), hundredths(b.w), hundredths(b.h)}
			file.Annotations = append(file.Annotations, annotationEntry{
				Segmentation: []int{},
				Area:         math.Round(1e4*bbox[2]*bbox[3]) / 1e4,
				IsCrowd:      crowd,
				ImageID:      id,
				BBox:         bbox,
				CategoryID:   b.category,
				ID:           len(file.Annotations) + 1,
			})
		}
	}
	return json.Marshal(file)
}

func hundredths(v float64) float64 { return math.Round(100*v) / 100 }
