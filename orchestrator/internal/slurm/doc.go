// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package slurm is all that the program knows of Slurm: the variables SLURM_*, host lists, the script
// that is submitted, the commands sbatch, squeue, scancel and srun. Commands run through a Runner, so
// that a recorder can stand in for a cluster. Nothing here reads sacct or needs PMIx; what a real Slurm
// 22.05 was seen to do decides.
package slurm
