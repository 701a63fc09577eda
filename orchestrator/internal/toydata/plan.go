// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package toydata

// A split is a set of images under one annotation file.
type split struct {
	name  string // "train" or "val"
	roles []role // of its images, in the order of their ids
}

// plan says what is drawn. Every image of role empty is one more than train counts, as training skips
// it; in val it counts, as evaluation does not.
func plan(p Params) []split {
	return []split{{"train", trainRoles(p.Train)}, {"val", valRoles(p.Val)}}
}

func trainRoles(withBoxes int) []role {
	const (
		greyEvery, rareEvery      = 32, 24
		crowdAt                   = 7
		emptyAfter, onlyThinAfter = 10, 20
	)
	var roles []role
	for i := range withBoxes {
		switch i {
		case emptyAfter:
			roles = append(roles, role{empty: true})
		case onlyThinAfter:
			roles = append(roles, role{empty: true, degenerate: true})
		}
		roles = append(roles, role{
			grey:       i%greyEvery == 5,
			rare:       i%rareEvery == 11,
			crowd:      i == crowdAt,
			degenerate: i == crowdAt+1,
		})
	}
	return roles
}

func valRoles(images int) []role {
	roles := make([]role, images)
	for i := range roles {
		switch i {
		case 2:
			roles[i].crowd = true
		case 4:
			roles[i].empty = true
		case 6:
			roles[i].degenerate = true
		}
	}
	return roles
}
