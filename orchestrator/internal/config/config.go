// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package config makes a run's configuration from defaults, a TOML file, the shell variables of the
// v1.1 submission and --set, in rising precedence, and knows where each value came from. It is the
// only home of defaults and the only package that reads TOML. Keys are "section.key"; they equal the
// fields of proto/engine.proto where the engine has them.
package config

// Config is a whole configuration, checked.
type Config struct {
	Run        Run        `toml:"run"`
	Submission Submission `toml:"submission"`
	Device     Device     `toml:"device"`
	Model      Model      `toml:"model"`
	Backbone   Backbone   `toml:"backbone"`
	Data       Data       `toml:"data"`
	Optimizer  Optimizer  `toml:"optimizer"`
	Eval       Eval       `toml:"eval"`
	Cluster    Cluster    `toml:"cluster"`

	origins map[string]string
}

// Run says what is run and where its results go.
type Run struct {
	LogDir               string `toml:"log_dir"`
	System               string `toml:"system"`    // part of a Slurm job's name
	Datestamp            string `toml:"datestamp"` // of trial logs under Slurm; empty = now
	Seed                 int64  `toml:"seed"`      // 0 = drawn from the system
	Epochs               int64  `toml:"epochs"`
	Trials               int64  `toml:"trials"`
	Smoke                bool   `toml:"smoke"`            // succeeds without reaching the target
	CheckpointEvery      int64  `toml:"checkpoint_every"` // epochs; 0 = never
	CheckpointEverySteps int64  `toml:"checkpoint_every_steps"`
	LogInterval          int64  `toml:"log_interval"` // iterations
	Timed                bool   `toml:"timed"`        // an MLPerf trial: after a fault it begins anew, not at a checkpoint
}

// Submission is what the log says of the submitter.
type Submission struct {
	Org      string `toml:"org"`
	Platform string `toml:"platform"`
	Division string `toml:"division"`
	Status   string `toml:"status"`
}

// Device chooses the backend.
type Device struct {
	Kind      string `toml:"kind"`
	Threads   int64  `toml:"threads"`    // 0 = all that the process may use
	PlanCache string `toml:"plan_cache"` // folder; "user" = below the user's caches, empty = none
	Fusions   bool   `toml:"fusions"`    // on a GPU, convolutions in training do work of their neighbours
}

// Model holds what a rank computes on.
type Model struct {
	Precision        string  `toml:"precision"`
	BatchSize        int64   `toml:"batch_size"`      // of a rank
	EvalBatchSize    int64   `toml:"eval_batch_size"` // 0 = batch_size
	BNGroup          int64   `toml:"bn_group"`
	LossScale        float64 `toml:"loss_scale"`
	ZeroInitResidual bool    `toml:"zero_init_residual"`
}

// Backbone names the ImageNet weights.
type Backbone struct {
	Weights string `toml:"weights"` // .pth or safetensors; empty = random
}

// Data is the data set and how it is read.
type Data struct {
	Dir                  string `toml:"dir"`
	TrainSamples         int64  `toml:"train_samples"`
	EvalSamples          int64  `toml:"eval_samples"`
	MaxSamples           int64  `toml:"max_samples"`
	Threads              int64  `toml:"threads"`
	Prefetch             int64  `toml:"prefetch"`
	BadImage             string `toml:"bad_image"`
	Sharding             string `toml:"sharding"`
	CacheMB              int64  `toml:"cache_mb"` // decoded images that a rank keeps; -1 = spec section 7
	Synthetic            bool   `toml:"synthetic"`
	Decoder              string `toml:"decoder"` // of training images on a GPU
	InputBatchMultiplier int64  `toml:"input_batch_multiplier"`
}

// Optimizer is SGD and its schedule (spec section 6).
type Optimizer struct {
	BaseLR       float64 `toml:"base_lr"` // of a batch of 32
	WarmupEpochs float64 `toml:"warmup_epochs"`
	WarmupFactor int64   `toml:"warmup_factor"`
	DecayEpochs  []int64 `toml:"decay_epochs"`
	DecayFactor  float64 `toml:"decay_factor"`
	Momentum     float64 `toml:"momentum"`
	WeightDecay  float64 `toml:"weight_decay"`
}

// Eval is detection, scoring and the target.
type Eval struct {
	Interval       int64   `toml:"interval"` // epochs
	ExtraEpochs    []int64 `toml:"extra_epochs"`
	Target         float64 `toml:"target"`
	ScoreThreshold float64 `toml:"score_threshold"`
	NMSThreshold   float64 `toml:"nms_threshold"`
	Candidates     int64   `toml:"candidates"`
	PlusOne        bool    `toml:"plus_one"`
	Threads        int64   `toml:"threads"`
	Detections     string  `toml:"detections"` // folder for detection files; empty = none
}

// Cluster is the ranks: how many, what they are bound to, when one counts as failed, and what Slurm is told.
type Cluster struct {
	Nodes       int64 `toml:"nodes"`
	GPUsPerNode int64 `toml:"gpus_per_node"`

	// Seconds after which a rank counts as hung; 0 = never.
	HangSeconds     float64 `toml:"hang_seconds"`     // without a step, or ten steps if that is longer
	PrepareSeconds  float64 `toml:"prepare_seconds"`  // of preparing and of the first step
	EvaluateSeconds float64 `toml:"evaluate_seconds"` // of an evaluation or a checkpoint

	// How ranks are bound to their node: modes of `mlperf-ssd nodes`, or files.
	BindCPU     string `toml:"bind_cpu"`
	BindMemory  string `toml:"bind_memory"`
	BindNetwork string `toml:"bind_network"`

	Interface   string `toml:"interface"`    // that ranks meet on, by name or address; empty = the host's way out
	CommSeconds int64  `toml:"comm_seconds"` // after which a rank that is silent in a collective has failed

	Container     string  `toml:"container"`      // image; empty = none
	ClearCaches   string  `toml:"clear_caches"`   // before each trial: require, try, off
	AllreduceTest bool    `toml:"allreduce_test"` // before the first trial
	AllreduceSlow string  `toml:"allreduce_slow"` // what its finding something slow does
	WallTime      string  `toml:"wall_time"`      // Slurm's time limit; empty = from TrialMinutes
	TrialMinutes  float64 `toml:"trial_minutes"`  // of a trial with initialisation; 0 = unknown
	SlurmOptions  string  `toml:"slurm_options"`  // of sbatch, between white space
}

// Defaults is the configuration without any file: the options of the submission's program, one rank.
func Defaults() *Config {
	return &Config{
		Run:        Run{LogDir: "results", Epochs: 80, Trials: 1, LogInterval: 100, Timed: true},
		Submission: Submission{Org: "unknown", Platform: "unknown", Division: "closed", Status: "onprem"},
		Device:     Device{Kind: "auto", PlanCache: UserPlans, Fusions: true},
		Model:      Model{Precision: "bf16", BatchSize: 32, BNGroup: 1, LossScale: 128},
		Data: Data{TrainSamples: 117266, EvalSamples: 5000, MaxSamples: 1, Prefetch: 2, BadImage: "fail",
			Sharding: "reshuffle", CacheMB: -1, Decoder: "auto", InputBatchMultiplier: 1},
		Optimizer: Optimizer{BaseLR: 0.0025, DecayEpochs: []int64{44, 55}, DecayFactor: 0.1, Momentum: 0.9, WeightDecay: 5e-4},
		Eval: Eval{Interval: 5, ExtraEpochs: []int64{}, Target: 0.23, ScoreThreshold: 0.05, NMSThreshold: 0.5, Candidates: 200, PlusOne: true,
			Threads: 1},
		Cluster: Cluster{Nodes: 1, GPUsPerNode: 1, HangSeconds: 10, PrepareSeconds: 900, EvaluateSeconds: 900, CommSeconds: 300,
			BindCPU: "node", BindMemory: "node", BindNetwork: "off", ClearCaches: "try", AllreduceSlow: "warn"},
		origins: map[string]string{},
	}
}

// Origin is where the value of a key came from: "default", FILE:LINE, $VARIABLE or "--set".
func (c *Config) Origin(key string) string {
	if origin, ok := c.origins[key]; ok {
		return origin
	}
	return "default"
}

// Ranks is the number of ranks of the run.
func (c *Config) Ranks() int64 { return c.Cluster.Nodes * c.Cluster.GPUsPerNode }
