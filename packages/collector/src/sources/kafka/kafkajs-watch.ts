/**
 * Whether a membership still gets anywhere. kafkajs goes on asking a coordinator that is gone or silent for ever, and can
 * wait in places that nothing ends; what it is told and when is all that shows it. Pure: times come from the caller.
 * Promises `well` while no broker at all answers, however long: a member that comes back is known to the group.
 */

/** Heartbeats come every 2 s at least. */
const HEARTBEAT_LATE_MS = 4500;
/** Answers that go on for so long, without a heartbeat among them, mean that brokers are there and the coordinator is not. */
const ANSWERING_MS = 3000;
/** Answers further apart are not "going on". */
const PAUSE_MS = 2000;
/** When joining again has not helped either. */
const HOPELESS_MS = 30_000;
/** Others may take their time to join (the rebalance timeout), and nothing comes meanwhile. */
const JOIN_HOPELESS_MS = 60_000;
const SILENT_MS = 10_000;
const JOIN_SILENT_MS = 20_000;
/** How long kafkajs may take once a broker has answered somebody else. */
const GRACE_MS = 4000;

/** `rejoin`: have it look for the coordinator. `ask`: see whether a broker answers others. `anew`: begin again. */
export type Verdict = 'well' | 'rejoin' | 'ask' | 'anew';

export interface Watch {
  /** A broker answered anything. */
  answered(nowMs: number): void;
  heartbeat(nowMs: number): void;
  /** A request of this name got no answer. */
  timedOut(apiName: string): void;
  joining(nowMs: number): void;
  joined(nowMs: number): void;
  /** What came of asking. */
  asked(anyAnswers: boolean, nowMs: number): void;
  verdict(nowMs: number): Verdict;
}

export function createWatch(startMs: number): Watch {
  let isJoined = false;
  /** Of the last heartbeat, or of the join. */
  let aliveMs = startMs;
  let answerMs = startMs;
  let answeringSinceMs = startMs;
  let coordinatorSilent = false;
  let leftOutSinceMs: number | undefined;

  return {
    answered(nowMs) {
      if (nowMs - answerMs > PAUSE_MS) answeringSinceMs = nowMs;
      answerMs = nowMs;
      leftOutSinceMs = undefined;
    },
    heartbeat(nowMs) {
      aliveMs = nowMs;
      coordinatorSilent = false;
    },
    timedOut(apiName) {
      coordinatorSilent ||= apiName === 'Heartbeat' || apiName === 'OffsetCommit';
    },
    joining(nowMs) {
      isJoined = false;
      aliveMs = nowMs;
      coordinatorSilent = false;
    },
    joined(nowMs) {
      isJoined = true;
      aliveMs = nowMs;
      coordinatorSilent = false;
    },
    asked(anyAnswers, nowMs) {
      leftOutSinceMs = anyAnswers ? (leftOutSinceMs ?? nowMs) : undefined;
    },
    verdict(nowMs) {
      const answering = nowMs - answerMs < PAUSE_MS && answerMs - answeringSinceMs >= ANSWERING_MS;
      if (answering && nowMs - aliveMs > (isJoined ? HOPELESS_MS : JOIN_HOPELESS_MS)) return 'anew';
      if (isJoined && (coordinatorSilent || (answering && nowMs - aliveMs > HEARTBEAT_LATE_MS))) return 'rejoin';
      if (nowMs - answerMs < (isJoined ? SILENT_MS : JOIN_SILENT_MS)) return 'well';
      return leftOutSinceMs !== undefined && nowMs - leftOutSinceMs > GRACE_MS ? 'anew' : 'ask';
    },
  };
}
