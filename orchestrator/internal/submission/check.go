// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/compliance"
	"mlperf-ssd/orchestrator/internal/score"
)

// benchmark is the folder whose results are checked.
const benchmark = "ssd"

// Finding is one thing wrong with a submission.
type Finding struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

// Report is what a check found.
type Report struct {
	Errors   []Finding   `json:"errors"`
	Warnings []Finding   `json:"warnings"`
	Sets     []score.Set `json:"sets"` // the results, scored
}

// Pass says whether the submission can be accepted.
func (r *Report) Pass() bool { return len(r.Errors) == 0 }

func (r *Report) fail(path, format string, args ...any) {
	r.Errors = append(r.Errors, Finding{path, fmt.Sprintf(format, args...)})
}

func (r *Report) warn(path, format string, args ...any) {
	r.Warnings = append(r.Warnings, Finding{path, fmt.Sprintf(format, args...)})
}

// Check checks the submission of an organisation, or of each in a folder of them. Pruned takes the
// reference points of later rounds. The error is one of reading dir.
func Check(dir string, pruned bool) (*Report, error) {
	organisations, err := organisationsIn(dir)
	if err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	r := &Report{Errors: []Finding{}, Warnings: []Finding{}, Sets: []score.Set{}}
	if len(organisations) == 0 {
		r.fail(dir, "holds no organisation: a folder with results and systems")
	}
	for _, organisation := range organisations {
		r.names(organisation)
		systems := r.systems(organisation)
		if err := r.results(organisation, systems, pruned); err != nil {
			return nil, fmt.Errorf("submission: %w", err)
		}
	}
	return r, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func organisationsIn(dir string) ([]string, error) {
	isOne := func(path string) bool {
		return isFolder(filepath.Join(path, "results")) || isFolder(filepath.Join(path, "systems"))
	}
	below, err := foldersIn(dir)
	if err != nil || isOne(dir) {
		return []string{dir}, err
	}
	return slices.DeleteFunc(below, func(path string) bool { return !isOne(path) }), nil
}

// foldersIn are the folders of a folder, sorted.
func foldersIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); isFolder(path) {
			folders = append(folders, path)
		}
	}
	return folders, nil
}

// systems checks the descriptions and gives them by name.
func (r *Report) systems(organisation string) map[string]System {
	systems := map[string]System{}
	files, _ := filepath.Glob(filepath.Join(globSafe(organisation), "systems", "*.json")) // the pattern is well-formed
	for _, file := range files {
		system, err := ReadSystem(file)
		if err != nil {
			r.fail(file, "%s", strings.TrimPrefix(err.Error(), file+": "))
			continue
		}
		systems[strings.TrimSuffix(filepath.Base(file), ".json")] = system
		if missing := system.Missing(); len(missing) > 0 {
			r.fail(file, "lacks the fields %s", strings.Join(missing, ", "))
		}
		for _, field := range system.Unknown() {
			r.warn(file, "has the field %s, which the rules do not name", field)
		}
		if division, ok := system["division"]; ok && division != "closed" && division != "open" {
			r.fail(file, "division is %q, must be closed or open", division)
		}
	}
	return systems
}

// globSafe makes a path match itself alone.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func (r *Report) results(organisation string, systems map[string]System, pruned bool) error {
	folder := filepath.Join(organisation, "results")
	folders, err := foldersIn(folder)
	if err != nil {
		r.fail(folder, "cannot be read: there are no results")
		return nil
	}
	checked := map[string]bool{}
	for _, path := range folders {
		name := filepath.Base(path)
		checked[name] = true
		benchmarks, err := foldersIn(path)
		if err != nil {
			return err
		}
		if len(benchmarks) == 0 {
			r.warn(path, "holds no benchmark")
		}
		for _, results := range benchmarks {
			r.benchmark(organisation, name, results, systems, pruned)
		}
	}
	if len(folders) == 0 {
		r.fail(folder, "holds no system")
	}
	for _, name := range sortedKeys(systems) {
		if !checked[name] {
			r.warn(filepath.Join(organisation, "systems", name+".json"), "has no results/%s", name)
		}
	}
	return nil
}

func (r *Report) benchmark(organisation, name, results string, systems map[string]System, pruned bool) {
	description := filepath.Join(organisation, "systems", name+".json")
	system, described := systems[name]
	if _, err := os.Stat(description); err != nil {
		r.fail(description, "is missing: %s needs it", results)
	}
	if filepath.Base(results) != benchmark {
		r.warn(results, "is skipped: only %s is checked here", benchmark)
		return
	}
	logs, err := score.Logs(results)
	if err != nil {
		r.fail(results, "cannot be read: %v", err)
		return
	}
	if len(logs) != score.OfficialRuns {
		r.fail(results, "holds %d logs result_*.txt, must be %d", len(logs), score.OfficialRuns)
	}
	r.otherFiles(results, len(logs))
	runs, err := score.ReadAll(logs, nil)
	if err != nil {
		r.fail(results, "%v", err)
		return
	}
	division := ""
	if described {
		division = system["division"]
	}
	r.runs(results, runs, division)
	set := score.NewSet(results, runs, score.Options{Pruned: pruned, Division: division})
	for _, problem := range set.Problems {
		if problem == set.Statement { // no score: runs has judged the logs, the reference points the aborted runs
			r.warn(results, "%s", problem)
		} else {
			r.fail(results, "%s", problem)
		}
	}
	if set.Seeds != nil {
		for _, note := range set.Seeds.Warnings {
			r.warn(note.File, "%s", note.Problem)
		}
	}
	r.Sets = append(r.Sets, set)
	r.code(organisation, name)
}

// runs names the logs that do not comply; one may.
func (r *Report) runs(results string, runs []score.Run, division string) {
	wrong := 0
	for _, run := range runs {
		if !run.Compliant {
			wrong++
			at := slices.IndexFunc(run.Findings, func(f compliance.Finding) bool { return !f.Warning })
			r.warn(run.File, "does not comply: %s (see `mlperf-ssd check`)", run.Findings[at])
		}
		if division != "" && run.Division != division {
			r.warn(run.File, "is of the %s division, its system of the %s", run.Division, division)
		}
	}
	if wrong > 1 {
		r.fail(results, "%d of %d logs do not comply, at most one may", wrong, len(runs))
	}
}

func (r *Report) otherFiles(results string, logs int) {
	entries, err := os.ReadDir(results)
	if err == nil && len(entries) > logs {
		r.warn(results, "holds %d entries that are no result_*.txt", len(entries)-logs)
	}
}

// code wants what section 17 lists beside the results.
func (r *Report) code(organisation, name string) {
	folder := filepath.Join(organisation, "benchmarks", benchmark, "implementations")
	if !isFolder(folder) {
		r.warn(folder, "is missing: the code of the submission")
		return
	}
	for _, file := range []string{"README.md", "setup.sh", "init_datasets.sh", "run_and_time.sh"} {
		if path := filepath.Join(folder, name, file); !isFile(path) {
			r.warn(path, "is missing")
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
