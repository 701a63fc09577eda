// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

// The keys of section 11, in the order of a log.
const (
	// Before the run.
	keySubmissionBenchmark = "submission_benchmark"
	keySubmissionOrg       = "submission_org"
	keySubmissionDivision  = "submission_division"
	keySubmissionStatus    = "submission_status"
	keySubmissionPlatform  = "submission_platform"
	keyCacheClear          = "cache_clear"

	// Initialisation.
	keyInitStart                          = "init_start"
	keySeed                               = "seed"
	keyTrainSamples                       = "train_samples"
	keyMaxSamples                         = "max_samples"
	keyOptLearningRateWarmupSteps         = "opt_learning_rate_warmup_steps"
	keyOptLearningRateWarmupFactor        = "opt_learning_rate_warmup_factor"
	keyOptBaseLearningRate                = "opt_base_learning_rate"
	keyOptLearningRateDecayBoundaryEpochs = "opt_learning_rate_decay_boundary_epochs"
	keyEvalSamples                        = "eval_samples"
	keyOptWeightDecay                     = "opt_weight_decay"
	keyWeightsInitialization              = "weights_initialization"
	keyInitStop                           = "init_stop"

	// The run.
	keyRunStart                  = "run_start"
	keyModelBNSpan               = "model_bn_span"
	keyGlobalBatchSize           = "global_batch_size"
	keyGradientAccumulationSteps = "gradient_accumulation_steps"
	keyEpochStart                = "epoch_start"
	keyEpochStop                 = "epoch_stop"
	keyEvalStart                 = "eval_start"
	keyEvalStop                  = "eval_stop"
	keyEvalAccuracy              = "eval_accuracy"
	keyTrackedStats              = "tracked_stats"
	keyRunStop                   = "run_stop"
)

// Names in the metadata of a line.
const (
	metaEpochNum       = "epoch_num"
	metaCurrentIterNum = "current_iter_num"
	metaTensor         = "tensor"
	metaStatus         = "status"
	metaStep           = "step"
)
