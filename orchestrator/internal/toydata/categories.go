// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

// category is an entry of an annotation file's categories.
type category struct {
	Supercategory string `json:"supercategory"`
	ID            int    `json:"id"`
	Name          string `json:"name"`
}

// categories are COCO's 80, in ascending order of their ids, 1 to 90 with holes.
func categories() []category {
	const gap = ""
	names := []struct {
		group string
		names []string // from the id after the group before; gap = an id without a category
	}{
		{"person", []string{"person"}},
		{"vehicle", []string{"bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"}},
		{"outdoor", []string{"traffic light", "fire hydrant", gap, "stop sign", "parking meter", "bench"}},
		{"animal", []string{"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}},
		{"accessory", []string{gap, "backpack", "umbrella", gap, gap, "handbag", "tie", "suitcase"}},
		{"sports", []string{
			"frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove",
			"skateboard", "surfboard", "tennis racket",
		}},
		{"kitchen", []string{"bottle", gap, "wine glass", "cup", "fork", "knife", "spoon", "bowl"}},
		{"food", []string{
			"banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake",
		}},
		{"furniture", []string{"chair", "couch", "potted plant", "bed", gap, "dining table", gap, gap, "toilet"}},
		{"electronic", []string{gap, "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"}},
		{"appliance", []string{"microwave", "oven", "toaster", "sink", "refrigerator"}},
		{"indoor", []string{gap, "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"}},
	}
	var all []category
	id := 0
	for _, group := range names {
		for _, name := range group.names {
			id++
			if name != gap {
				all = append(all, category{group.group, id, name})
			}
		}
	}
	return all
}
