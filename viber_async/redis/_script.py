"""The one script that runs inside Redis: it hands out turns on Redis's own clock, one after another.

A turn is a moment. Turns are ``(per + guard + late) / requests`` apart, so that of eleven in a row the last is a whole
period behind the first, even if the first came ``guard + late`` later to the provider than it should have and the last
did not. ``late`` is the largest lateness that any process has told of its requests lately; it holds for as many turns
as there are in a period and then shrinks. Nothing is saved up while nobody comes, so that no burst follows a stall.

What is kept, in one hash: ``at`` (the clock at the last call, to notice when it is set back), ``next`` (the next free
moment), ``paused`` (nobody before that moment), ``late`` and ``hold`` (for how many turns yet), ``part`` (of the
allowance, less after refusals) and ``halved`` (when it last became less). Times are microseconds.
"""

from __future__ import annotations

from typing import Final

TAKE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local requests, per, guard = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local told, excess = tonumber(ARGV[4]), tonumber(ARGV[5])
local pause, refused, wanted = tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8] == '1'

local kept = redis.call('HMGET', KEYS[1], 'at', 'next', 'paused', 'late', 'hold', 'part', 'halved')
local back = math.max(0, (tonumber(kept[1]) or now) - now)
local free = (tonumber(kept[2]) or now) - back + excess
local paused = (tonumber(kept[3]) or 0) - back
local late, hold = tonumber(kept[4]) or 0, tonumber(kept[5]) or 0
local part = tonumber(kept[6]) or 1
local halved = (tonumber(kept[7]) or 0) - back

if pause > 0 then
  paused = math.max(paused, now + pause)
end
if refused and now > halved + per then
  part, halved = math.max(0.05, part / 2), now
end

local moment = now
if wanted then
  moment = math.max(now, free, paused)
  if told >= late then
    late, hold = told, requests
  elseif hold > 0 then
    hold = hold - 1
  else
    late = math.max(told, math.floor(late * 0.8))
  end
  free = moment + math.ceil((per + guard + late) / requests / part)
  part = math.min(1, part + 0.01)
end

redis.call('HSET', KEYS[1], 'at', now, 'next', free, 'paused', paused, 'late', late, 'hold', hold,
  'part', tostring(part), 'halved', halved)
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(free - now, paused - now, 0) / 1000) + 60000 + math.ceil(per / 1000))
return {moment - now, math.max(0, paused - now), tostring(part)}
"""
