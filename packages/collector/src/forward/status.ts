/**
 * What a forwarder says of itself at /status, in its last log line, and (as ready or not) at /readyz. Owns the shape and the
 * meaning of each figure. Readiness is progress: a member of its groups, getting rid of what comes.
 */
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { Outcome } from '@metricstream/shared/pump/types.ts';
import type { Figure } from '../sinks/figures.ts';
import type { KafkaConsumerFigures } from '../sources/kafka/consumer.ts';
import type { DeadLetterTopic } from '../sources/kafka/dead-letter-topic.ts';
import type { KafkaSourceFigures } from '../sources/kafka/kafka-source.ts';
import type { PartitionLag } from './lag.ts';

/** Trouble, or no membership, for longer than this makes the forwarder not ready. */
const TROUBLE_MS_MAX = 30_000;
/** Messages wait, nobody is in trouble, and still no offset moves. */
const STALL_MS = 60_000;

/** Write attempts by what they came to. */
export type Writes = Record<Outcome['kind'], number>;

export function newWrites(): Writes {
  return { stored: 0, rejected: 0, retry: 0, halt: 0 };
}

/** One branch, as it is now. */
export interface BranchView {
  name: string;
  group: string;
  topic: string;
  /** Whether it is a member of the group, and since when so. */
  membership: { joined: boolean; sinceUnixMs: number };
  pump: PumpStats;
  writes: Writes;
  /** Points by reason. */
  dropped: Readonly<Record<string, number>>;
  source: KafkaSourceFigures;
  consumer: KafkaConsumerFigures;
  lag: readonly PartitionLag[];
  deadLetters: DeadLetterTopic['stats'];
  figures: readonly Figure[];
}

export interface ForwardParts {
  branches: readonly { view(): BranchView }[];
  stopping: () => boolean;
}

export interface BranchStatus {
  state: string;
  why: string;
  group: string;
  topic: string;
  joined: boolean;
  partitions: { partition: number; lag_messages: number; lag_seconds: number }[];
  lag_messages: number;
  lag_seconds: number;
  /** Since this program started; what came again counts again. */
  messages: number;
  records_stored: number;
  points_stored: number;
  points_dead: number;
  points_dropped: number;
  poison_messages: number;
  uncommitted_messages: number;
  missed_messages: number;
  retries: number;
  rebalances: number;
  held_bytes: number;
}

export interface ForwardStatus {
  sinks: Record<string, BranchStatus>;
  ready: boolean;
  reasons: string[];
}

export function forwardStatus({ branches, stopping }: ForwardParts): ForwardStatus {
  const views = branches.map((branch) => branch.view());
  const reasons = stopping() ? ['stopping'] : [];
  const nowMs = Date.now();
  for (const view of views) reasons.push(...notReady(view, nowMs));
  const sinks = Object.fromEntries(views.map((view) => [view.name, branchStatus(view)]));
  return { sinks, ready: reasons.length === 0, reasons };
}

function branchStatus(view: BranchView): BranchStatus {
  const { pump, consumer, source, lag, deadLetters } = view;
  return {
    state: pump.state,
    why: pump.why,
    group: view.group,
    topic: view.topic,
    joined: view.membership.joined,
    partitions: lag.map(({ partition, messages, seconds }) => ({
      partition,
      lag_messages: messages,
      lag_seconds: seconds,
    })),
    lag_messages: lag.reduce((sum, { messages }) => sum + messages, 0),
    lag_seconds: Math.max(0, ...lag.map(({ seconds }) => seconds)),
    messages: source.messages,
    records_stored: pump.recordsStored,
    points_stored: pump.pointsStored,
    points_dead: pump.pointsDead,
    points_dropped: pump.pointsDropped,
    poison_messages: deadLetters.poison,
    uncommitted_messages: source.messagesUncommitted,
    missed_messages: consumer.missed,
    retries: pump.retries,
    rebalances: consumer.rebalances,
    held_bytes: consumer.heldBytes,
  };
}

function notReady(view: BranchView, nowMs: number): string[] {
  const { name, group, membership, pump } = view;
  const reasons: string[] = [];
  if (!membership.joined && nowMs - membership.sinceUnixMs > TROUBLE_MS_MAX)
    reasons.push(`sink ${name} is no member of the consumer group ${group}: the log says why`);
  if (pump.sinceUnixMs > 0 && nowMs - pump.sinceUnixMs > TROUBLE_MS_MAX)
    reasons.push(`sink ${name} is ${pump.state}: ${pump.why}`);
  const stalled = stalledWhy(view, nowMs);
  if (stalled !== undefined) reasons.push(`sink ${name} makes no progress: ${stalled}`);
  return reasons;
}

/** The watchdog: @returns what waits, when no offset has moved for long though nothing says why. */
export function stalledWhy({ membership, pump, source, lag }: BranchView, nowMs: number): string | undefined {
  const waiting = lag.filter(({ messages }) => messages > 0);
  const movedUnixMs = Math.max(source.committedUnixMs, membership.sinceUnixMs);
  if (!membership.joined || pump.sinceUnixMs > 0 || waiting.length === 0 || nowMs - movedUnixMs < STALL_MS)
    return undefined;
  const seconds = Math.max(...waiting.map((one) => one.seconds));
  if (seconds * 1000 < STALL_MS) return undefined;
  const messages = waiting.reduce((sum, one) => sum + one.messages, 0);
  return `${messages} messages wait, the oldest for ${Math.round(seconds)} s, and no offset has moved for ${Math.round((nowMs - movedUnixMs) / 1000)} s`;
}
