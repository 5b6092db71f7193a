# Nights on a Slurm cluster of this machine: cluster.sh. Skipped where Slurm's packages or root are missing.
nj_scripts(slurm LABEL slurm TIMEOUT 300 WAITS)
