/**
 * What becomes of each line of a delivery's bodies. Owns the search for lines that the server will not take; promises
 * that a line counts as stored only when a write of it was answered with 204, that those beside a bad line are stored,
 * that what is lost is lost with the server's words, that none is lost for a failure of the server which befalls a good
 * line too, and that the search ends: all lines at once where the server says so, by the field it names, by age, else by
 * halves, and within bounds for what one record and one delivery may cost.
 */
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { type Body, lineRecord, lineTime } from './body.ts';
import type { InfluxdbClient } from './client.ts';
import type { Conflicts } from './conflicts.ts';
import type { SinkStats } from './figures.ts';
import { bytesOf, fieldsOf, type Part, pick, separate, wholeOf } from './line-fields.ts';
import type { LossBook } from './losses.ts';
import type { Retention } from './retention.ts';
import type { InfluxdbTarget } from './settings.ts';
import { judge, type Verdict } from './verdict.ts';
import { ENCODED } from './wire.ts';

/** Requests spent on parts of one record; then what is left of it is lost together. */
const RECORD_REQUESTS_MAX = 64;
/** Requests of a delivery; beyond it records are no longer taken apart. */
const REQUESTS_MAX = 1000;
/** Fields set apart from a part one after the other, before halving. */
const SEPARATIONS_MAX = 8;
/** Suspicious answers one after the other; then a good line shows whether it is the server. */
const SUSPICIONS_MAX = 40;
/** No server takes less. */
const BODY_BYTES_MIN = 4096;

/** Why a delivery must come again. */
export interface Stop {
  kind: 'retry' | 'halt';
  why: string;
  afterMs?: number;
  /** The fault may lie in a body. */
  suspect: boolean;
}

export interface SettlerOptions {
  client: InfluxdbClient;
  target: InfluxdbTarget;
  conflicts: Conflicts;
  retention: Retention;
  stats: SinkStats;
  book: LossBook;
  signal: AbortSignal;
  /** Whether bodies with suspicious answers are taken apart, since they had them before. */
  takeApart: boolean;
  monotonicMs(): number;
  /** The server has refused a body for its size: later ones may have so many bytes. */
  learnBodyBytesMax(bytes: number): void;
}

export interface Settler {
  /** Writes a body until the fate of its every line is known, or there is a stop. Never rejects. */
  settle(body: Body): Promise<void>;
  /** Once all bodies are settled: looks at lines alone that have made the server fail. */
  finish(): Promise<void>;
  readonly stop: Stop | undefined;
}

/** One delivery's. */
export function createSettler(options: SettlerOptions): Settler {
  const { client, target, conflicts, retention, stats, book } = options;
  /** Requests on parts of a record, by its index. */
  const recordRequests = new Map<number, number>();
  const doubtful: { body: Body; why: string }[] = [];
  let stop: Stop | undefined;
  let requests = 0;
  let suspicions = 0;
  /** A line that was stored. */
  let good: Buffer | undefined;

  async function post(bytes: Uint8Array): Promise<Verdict> {
    const startMs = options.monotonicMs();
    requests++;
    const verdict = await client.write(bytes, { signal: options.signal }).then(
      (answer) => judge(answer, client.where, target),
      (error: unknown) => judgeFailure(error, client.where),
    );
    const outcome = verdict.kind === 'suspect' ? 'retry' : verdict.kind;
    stats.wrote(outcome, options.monotonicMs() - startMs);
    return verdict;
  }

  async function send(part: Part): Promise<Verdict> {
    const record = onlyRecord(part);
    if (record !== undefined) recordRequests.set(record, (recordRequests.get(record) ?? 0) + 1);
    const bytes = bytesOf(part);
    const verdict = await post(bytes);
    if (verdict.kind !== 'stored') return verdict;
    suspicions = 0;
    if (options.takeApart) good = Buffer.from(bytesOf({ ...part, to: part.from + 1 }));
    if (conflicts.size > 0) forgetConflicts(part);
    stats.lines += part.to - part.from;
    stats.bytes += bytes.length;
    return verdict;
  }

  /** Values that were set apart and are taken again need it no longer. */
  function forgetConflicts({ body, from, to }: Part): void {
    for (let line = from; line < to; line++) {
      const { plan } = lineRecord(body, line);
      const kind = body.kinds[line]!;
      if (kind >= plan.lines || kind < plan.seedLines)
        for (const field of fieldsOf(body, line)) conflicts.forget(plan.nameOf(field));
    }
  }

  async function settle(part: Part, separations = 0): Promise<void> {
    if (stop !== undefined || part.from >= part.to) return;
    const verdict = await send(part);
    switch (verdict.kind) {
      case 'stored':
        return;
      case 'halt':
      case 'retry':
        stop ??= { ...verdict, suspect: false };
        return;
      case 'suspect':
        return settleSuspect(part, verdict.why);
      case 'too_large':
        if (part.to - part.from === 1) return loseAll(part, verdict.why);
        options.learnBodyBytesMax(Math.max(BODY_BYTES_MIN, bytesOf(part).length >> 1));
        return halve(part, separations);
      case 'refused':
        return settleRefused(part, verdict, separations);
    }
  }

  async function settleRefused(part: Part, verdict: Verdict & { kind: 'refused' }, separations: number): Promise<void> {
    const { why, dropped = 0, conflict } = verdict;
    const lines = part.to - part.from;
    if (verdict.aged === true && dropped > 0 && dropped <= lines) return settleAged(part, dropped);
    if (conflict !== undefined) conflicts.add(conflict);
    if (conflict !== undefined && !(dropped >= lines && isAtomic(part))) {
      const { rest, apart } = separate(part, conflict);
      const useful = rest.lines > 0 && apart.lines > 0;
      if (useful && separations < SEPARATIONS_MAX) {
        await settle(wholeOf(rest), separations + 1);
        return settle(wholeOf(apart), separations + 1);
      }
    }
    if (lines === 1 || dropped >= lines) return loseAll(part, why);
    if (isBeyondBounds(part)) return loseAll(part, `${why} (not looked for further: it takes too many requests)`);
    return halve(part, separations);
  }

  /** The server has dropped the oldest, so many. The others may have other faults. */
  async function settleAged(part: Part, dropped: number): Promise<void> {
    const { body, from, to } = part;
    const byAge = Array.from({ length: to - from }, (_, at) => from + at).sort((a, b) =>
      lineTime(body, a) < lineTime(body, b) ? -1 : 1,
    );
    const old = new Set(byAge.slice(0, dropped));
    for (const line of old) book.ageLine(body, line);
    retention.learn(lineTime(body, byAge[dropped - 1]!));
    if (old.size < to - from) return settle(wholeOf(pick(part, (line) => !old.has(line))));
  }

  async function settleSuspect(part: Part, why: string): Promise<void> {
    if (!options.takeApart) {
      stop ??= { kind: 'retry', why, suspect: true };
      return;
    }
    if (++suspicions > SUSPICIONS_MAX) {
      suspicions = 0;
      if (!(await takesWrites(bytesOf(part).length, why))) return;
    }
    if (part.to - part.from > 1 && !isBeyondBounds(part)) return halve(part, 0);
    doubtful.push({ body: pick(part, () => true), why });
  }

  /**
   * Whether the server takes a good line now, so many times that they are as many bytes: what is stored again is the
   * same point. Where it does not, or none is known to be good, the delivery stops for the reason `why`.
   */
  async function takesWrites(bytes: number, why: string): Promise<boolean> {
    if (good === undefined) {
      stop ??= { kind: 'retry', why, suspect: true };
      return false;
    }
    const verdict = await post(Buffer.alloc(Math.ceil(bytes / good.length) * good.length, good));
    if (verdict.kind === 'stored') return true;
    stop ??= { kind: 'retry', why: `${verdict.why} (of a line, too, that it took before)`, suspect: false };
    return false;
  }

  /** A line alone that has made the server fail: lost only when the server takes others before and after it. */
  async function settleDoubtful(body: Body, why: string): Promise<void> {
    if (!(await takesWrites(body.length, why))) return;
    const verdict = await send(wholeOf(body));
    if (verdict.kind === 'refused') return settleRefused(wholeOf(body), verdict, 0);
    if (verdict.kind === 'suspect') {
      if (await takesWrites(body.length, verdict.why)) loseAll(wholeOf(body), verdict.why);
    } else if (verdict.kind !== 'stored') stop ??= { kind: 'retry', why: verdict.why, suspect: false };
  }

  async function halve(part: Part, separations: number): Promise<void> {
    const middle = (part.from + part.to) >> 1;
    await settle({ ...part, to: middle }, separations);
    await settle({ ...part, from: middle }, separations);
  }

  function loseAll({ body, from, to }: Part, why: string): void {
    for (let line = from; line < to; line++) book.loseLine(body, line, why);
  }

  function isBeyondBounds(part: Part): boolean {
    const record = onlyRecord(part);
    if (record === undefined) return false;
    return requests > REQUESTS_MAX || (recordRequests.get(record) ?? 0) > RECORD_REQUESTS_MAX;
  }

  return {
    async settle(body) {
      await settle(wholeOf(body));
    },
    async finish() {
      for (const { body, why } of doubtful) {
        if (stop !== undefined) return;
        await settleDoubtful(body, why);
      }
    },
    get stop() {
      return stop;
    },
  };
}

/** @returns whether no line has a value that could be stored without the others of its line. */
function isAtomic({ body, from, to }: Part): boolean {
  for (let line = from; line < to; line++) if (fieldsOf(body, line).length > 1) return false;
  return true;
}

/** @returns the index of the record that all lines of the part are of. */
function onlyRecord({ body, from, to }: Part): number | undefined {
  const { index } = lineRecord(body, from);
  return lineRecord(body, to - 1).index === index ? index : undefined;
}

/** No answer, or none that can be read, which the body may have caused. */
function judgeFailure(error: unknown, where: string): Verdict {
  if (error instanceof MetricStreamError && error.code === 'stopped')
    return { kind: 'retry', why: 'stopped before the delivery was stored' };
  const why = `${where}: ${messageOf(error)}`;
  const unreadable =
    /Parse Error|HPE_/.test(why) ||
    (error instanceof MetricStreamError && (error.code === 'limit' || error.message.includes(ENCODED)));
  return unreadable ? { kind: 'suspect', why } : { kind: 'retry', why };
}
