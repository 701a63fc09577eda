# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
#
# PRIMERGY GX2460 M1, 4 x A100-PCIe-40GB, for run.sub. configs/fujitsu_primergy_gx2460_m1.toml says the
# same; WALLTIME is longer than the submission's, which was shorter than one run.
export PGSYSTEM=PG
export PGNNODES=1 PGNGPU=4
export PGSOCKETCORES=16 PGSOCKET=2 PGHT=2
export BATCHSIZE=114 NUMEPOCHS=65
export EXTRA_PARAMS="--lr-warmup-epoch=3 --lr=0.003157 --weight-decay=1.3e-4 --dali-workers=4 --input-jpg-decode=cache"
export NEXP=1
export WALLTIME=$((NEXP * 28))
