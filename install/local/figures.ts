/**
 * The figures of one agent and one collector, as their `/status` (and the `final` of their last log line) gives them.
 * The only place that knows the shape of those two JSON objects.
 */

/** Points the agent of this run has counted since it started. */
export interface AgentFigures {
  sampled: number;
  /** Points handed to a request at least once. */
  sent: number;
  /** Points of batches the collector has answered 2xx. */
  acked: number;
  /** Points lost on purpose, by reason. */
  dropped: Record<string, number>;
  /** Points in the spool that are not acked. */
  inSpool: number;
  batchesAcked: number;
  /** Answers 429 and 503. */
  batchesRefused: number;
  /** Undefined before the first ack. */
  ackP50Ms: number | undefined;
  ackP99Ms: number | undefined;
  /** Why the collector cannot be reached at the moment, or undefined. */
  trouble: string | undefined;
}

/** Points as the collector counts them: `durable` since it started, what its sink did over all its runs. */
export interface CollectorFigures {
  /** Points made durable in its journal, each once. */
  durable: number;
  /** Batches that came again and were known. */
  duplicateBatches: number;
  /** Points the JSONL sink has stored. */
  stored: number;
  /** Points the sink gave up, by reason. */
  dropped: Record<string, number>;
  /** Durable points that the sink has not passed. */
  lag: number;
  /** The sink has not said yet where it stands; its figures mean nothing. */
  starting: boolean;
}

/** Reads an agent's status; throws an Error naming the field that is missing or of another type. */
export function agentFigures(status: unknown): AgentFigures {
  const at = fieldsOf('agent', status);
  const answered = at.count('batches.acked') > 0;
  return {
    sampled: at.count('points.sampled'),
    sent: at.count('points.sent'),
    acked: at.count('points.acked'),
    dropped: at.counts('points.dropped'),
    inSpool: at.count('points.in_spool'),
    batchesAcked: at.count('batches.acked'),
    batchesRefused: at.total('batches.refused'),
    ackP50Ms: answered ? at.optionalNumber('ack_ms.p50') : undefined,
    ackP99Ms: answered ? at.optionalNumber('ack_ms.p99') : undefined,
    trouble: troubleOf(at.optionalText('collector.state'), at.optionalText('collector.last_error')),
  };
}

/** Reads a collector's status; throws an Error naming the field that is missing or of another type. */
export function collectorFigures(status: unknown): CollectorFigures {
  const at = fieldsOf('collector', status);
  const dropped: Record<string, number> = {};
  const given = { dropped: at.count('sinks.jsonl.points_dropped'), dead_letter: at.count('sinks.jsonl.points_dead') };
  for (const [reason, points] of Object.entries(given)) if (points > 0) dropped[reason] = points;
  return {
    durable: at.count('points.durable'),
    duplicateBatches: at.count('points.duplicate_batches'),
    stored: at.count('sinks.jsonl.points_stored'),
    dropped,
    lag: at.count('sinks.jsonl.lag_points'),
    starting: at.optionalText('sinks.jsonl.state') === 'starting',
  };
}

/** The sink's figures of this run: what it counted beyond the first reading. */
export function sinceOpening(opening: CollectorFigures, now: CollectorFigures): CollectorFigures {
  const dropped: Record<string, number> = {};
  for (const [reason, points] of Object.entries(now.dropped)) {
    const fresh = points - (opening.dropped[reason] ?? 0);
    if (fresh > 0) dropped[reason] = fresh;
  }
  return { ...now, stored: now.stored - opening.stored, dropped };
}

/** An error that is over is no trouble: only a state that waits for the collector is shown. */
function troubleOf(state: string | undefined, lastError: string | undefined): string | undefined {
  return state === 'retrying' || state === 'halted' ? `${state}: ${lastError ?? 'no answer'}` : undefined;
}

/** Access to the fields of one status by dotted path. */
function fieldsOf(part: string, status: unknown) {
  const find = (path: string) => path.split('.').reduce<unknown>((value, key) => memberOf(value, key), status);
  const wrong = (path: string, expected: string): never => {
    throw new Error(`${part} status: ${path}: expected ${expected}, got ${JSON.stringify(find(path))}`);
  };
  const count = (path: string): number => {
    const value = find(path);
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : wrong(path, 'a count');
  };
  const counts = (path: string): Record<string, number> => {
    const value = find(path);
    if (typeof value !== 'object' || value === null) return wrong(path, 'counts by reason');
    return Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([reason, points]) => [
        reason,
        typeof points === 'number' ? points : wrong(path, 'counts by reason'),
      ]),
    );
  };
  return {
    count,
    counts,
    /** A count, or the sum of counts by reason. */
    total: (path: string): number =>
      typeof find(path) === 'object'
        ? Object.values(counts(path)).reduce((sum, points) => sum + points, 0)
        : count(path),
    optionalNumber(path: string): number | undefined {
      const value = find(path);
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
    },
    optionalText(path: string): string | undefined {
      const value = find(path);
      return typeof value === 'string' && value !== '' ? value : undefined;
    },
  };
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
