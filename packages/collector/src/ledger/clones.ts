/**
 * Which client_ids two agents use at once. Owns the suspects: clients whose live lane went back to an older epoch. An
 * agent that starts again never does that twice (what it had in flight may arrive late, once; its old spool is the
 * backlog lane's); two agents with one id do it all the time. Bounded, whatever is sent; one thread uses it.
 */
import { isOwnClient } from '../own-clients.ts';

/** As long after the last return to an older epoch an alarm holds, and as far apart two of them count together. */
export const QUIET_MS = 10 * 60_000;
/** Beyond it the one that was quiet longest is forgotten; its next two returns raise the alarm anew. */
const SUSPECTS_MAX = 4096;
/** Older epochs of one client that are watched; each agent beside the newest is one. */
const OLDER_MAX = 8;
/** How many alarms are told by name; there may be more. */
export const ALARMS_TOLD_MAX = 50;

export interface CloneAlarm {
  clientId: string;
  /** The epoch that was returned to last, and the client's newest. */
  olderEpoch: number;
  newerEpoch: number;
  sinceUnixMs: number;
  lastUnixMs: number;
}

export interface Clones {
  /** The client's live lane went from one epoch to another; both are durable. @returns the alarm, if it begins with this. */
  switched(clientId: string, from: number, to: number): CloneAlarm | undefined;
  /** @returns the alarms that have ended since the last call. */
  ended(): CloneAlarm[];
  /** Those that hold, the oldest first; at most ALARMS_TOLD_MAX. */
  alarms(): CloneAlarm[];
  /** How many hold. */
  count(): number;
}

interface Suspect {
  newestEpoch: number;
  /** When each older epoch was last returned to. */
  returns: Map<number, number>;
  /** When any was: the order of forgetting. */
  lastMs: number;
  alarm: CloneAlarm | undefined;
}

export function createClones(nowUnixMs: () => number): Clones {
  // In the order of their last return.
  const suspects = new Map<string, Suspect>();
  let alarms = 0;

  function suspectOf(clientId: string, epoch: number): Suspect {
    const known = suspects.get(clientId);
    if (known !== undefined) suspects.delete(clientId);
    const suspect = known ?? { newestEpoch: epoch, returns: new Map(), lastMs: 0, alarm: undefined };
    suspects.set(clientId, suspect);
    if (suspects.size > SUSPECTS_MAX) forgetQuietest();
    return suspect;
  }

  function forgetQuietest(): void {
    for (const [clientId, { alarm }] of suspects) {
      suspects.delete(clientId);
      if (alarm !== undefined) alarms--;
      return;
    }
  }

  return {
    switched(clientId, from, to) {
      // Forward: a start, or the other half of a return that was counted.
      if (to > from || isOwnClient(clientId)) return undefined;
      const nowMs = nowUnixMs();
      const suspect = suspectOf(clientId, from);
      suspect.newestEpoch = Math.max(suspect.newestEpoch, from);
      suspect.lastMs = nowMs;
      const beforeMs = suspect.returns.get(to);
      suspect.returns.delete(to);
      suspect.returns.set(to, nowMs);
      if (suspect.returns.size > OLDER_MAX) suspect.returns.delete(suspect.returns.keys().next().value ?? to);
      const { alarm, newestEpoch } = suspect;
      if (alarm !== undefined) {
        alarm.olderEpoch = to;
        alarm.newerEpoch = newestEpoch;
        alarm.lastUnixMs = nowMs;
        return undefined;
      }
      if (beforeMs === undefined || nowMs - beforeMs > QUIET_MS) return undefined;
      alarms++;
      suspect.alarm = {
        clientId,
        olderEpoch: to,
        newerEpoch: newestEpoch,
        sinceUnixMs: nowMs,
        lastUnixMs: nowMs,
      };
      return suspect.alarm;
    },
    ended() {
      const ended: CloneAlarm[] = [];
      const quietSinceMs = nowUnixMs() - QUIET_MS;
      for (const [clientId, { lastMs, alarm }] of suspects) {
        if (lastMs >= quietSinceMs) break;
        suspects.delete(clientId);
        if (alarm === undefined) continue;
        alarms--;
        ended.push(alarm);
      }
      return ended;
    },
    alarms() {
      const held: CloneAlarm[] = [];
      for (const { alarm } of suspects.values()) {
        if (alarm !== undefined) held.push(alarm);
        if (held.length === ALARMS_TOLD_MAX) break;
      }
      return held;
    },
    count: () => alarms,
  };
}
