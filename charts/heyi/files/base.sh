#!/usr/bin/env bash
# A base backup through a pipe, for who reads `pipe` in the folder $1 and has written pg_basebackup's `arguments` there, one
# a line: nothing of it lies about unsealed. `code` tells how it ended, and is written before the pipe ends.
set -u
cd "$1"
trap 'exit 0' TERM
[ -p pipe ] || mkfifo pipe
{
  mapfile -t arguments <arguments
  pg_basebackup "${arguments[@]}" 2>words
  echo $? >code
} >pipe &
wait
sleep infinity &
wait
