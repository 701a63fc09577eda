// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The submission's own settings (spec section 16) give its configuration file's values.
func TestShellVariablesOfTheSubmission(t *testing.T) {
	c, err := Load(Source{LookupEnv: env(map[string]string{
		"BATCHSIZE": "114", "NUMEPOCHS": "65", "DATADIR": "/data", "LOGDIR": "/logs", "PRETRAINED_DIR": "/weights",
		"NEXP": "5", "PGNNODES": "1", "PGNGPU": "4",
		"EXTRA_PARAMS": "--lr-warmup-epoch=3 --lr=0.003157 --weight-decay=1.3e-4 --dali-workers=4 --input-jpg-decode=cache --lr-decay-epochs 44 55 --synthetic",
	})})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Model.BatchSize, want.Run.Epochs, want.Run.Trials = 114, 65, 5
	want.Data.Dir, want.Run.LogDir, want.Backbone.Weights = "/data", "/logs", "/weights/resnet34-333f7ec4.pth"
	want.Cluster.GPUsPerNode = 4
	want.Optimizer.WarmupEpochs, want.Optimizer.BaseLR, want.Optimizer.WeightDecay = 3, 0.003157, 1.3e-4
	want.Data.Threads, want.Data.Sharding, want.Data.Synthetic = 4, "cache", true
	want.origins, c.origins = nil, nil
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
	c, err = Load(Source{LookupEnv: env(map[string]string{"BATCHSIZE": "114", "EXTRA_PARAMS": "--batch 24 --target-map=21.2"})})
	if err != nil || c.Model.BatchSize != 24 || c.Origin("model.batch_size") != "$EXTRA_PARAMS --batch-size" || c.Eval.Target != 0.212 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestWrongOptions(t *testing.T) {
	for options, want := range map[string]string{
		"--lr-w=3":                "--lr-w may be --lr-warmup-epochs or --lr-warmup-factor",
		"--pr=fp16":               "--pr may be --precision or --pretrained-backbone",
		"--nonsense=1":            "--nonsense is no option",
		"stray":                   "stray is no option",
		"--lr":                    "--lr: needs a value",
		"--lr 0.1 0.2":            "--lr: takes one value, not 0.1 0.2",
		"--lr-decay-epochs=44 55": "55 is no option",
		"--lr-decay-epochs 44 x":  `--lr-decay-epochs: "x" is no whole number`,
		"--weight-decay=x":        "optimizer.weight_decay is the string",
		"--synthetic=1":           "--synthetic: takes no value",
		"--input-jpg-decode=fast": `is "fast", must be one of cpu, gpu, cache, hw`,
		"--target-map=high":       "--target-map: is no number",
		"--target-map=100":        "$EXTRA_PARAMS --target-map: eval.target is 1, must be above 0",
		"--precision=fp8":         `model.precision is "fp8"`,
		"--post-nms 100":          "all that NMS leaves of eval.candidates is kept",
		"--resume-from=a.params":  "use launch --resume",
		"--start-epoch 7":         "use launch --resume",
		"--batch-size=0":          "$EXTRA_PARAMS --batch-size: model.batch_size is 0",
	} {
		_, err := Load(Source{LookupEnv: env(map[string]string{"EXTRA_PARAMS": options})})
		if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", options, err, want)
		}
	}
	_, err := Load(Source{LookupEnv: env(map[string]string{"EXTRA_PARAMS": "--post-nms 200 --start-epoch=1 --data-layout NHWC --async-val --profile-start 3"})})
	if err != nil {
		t.Error(err)
	}
}

// Every option of spec section 16, and every prefix that no other shares, is known.
func TestOptionNames(t *testing.T) {
	names := strings.Fields(`batch-size eval-batch-size epochs lr lr-decay-factor lr-decay-epochs lr-warmup-epochs
		lr-warmup-factor momentum weight-decay bn-group precision fp16-loss-scale data-layout input-batch-multiplier
		dali-workers input-jpg-decode hw-decoder-load val-interval val-epochs target-map async-val nms-valid-thresh
		nms-overlap-thresh nms-topk post-nms cocoapi-threads log-interval seed dataset-size eval-dataset-size coco-root
		pretrained-backbone resume-from start-epoch save-interval results synthetic test-initialization test-anchors
		profile-start profile-stop`)
	known := Defaults().keys()
	for _, name := range names {
		for cut := 1; cut <= len(name); cut++ {
			prefix, sharing := name[:cut], 0
			for _, other := range names {
				if strings.HasPrefix(other, prefix) {
					sharing++
				}
			}
			unique := sharing == 1 || slices.Contains(names, prefix)
			o, err := findOption("--" + prefix)
			if unique != (err == nil) || err == nil && cut == len(name) && o.name != name {
				t.Errorf("--%s: %v, %v; %d options begin so", prefix, o.name, err, sharing)
			}
		}
	}
	for _, o := range options() {
		if !slices.Contains(names, o.name) || o.key != "" && !slices.Contains(known, o.key) {
			t.Errorf("--%s for %q does not belong here", o.name, o.key)
		}
	}
}
