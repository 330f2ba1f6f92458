/** What InfluxDB 2.7 answers to a write, as measured on 2.7.12; the points go to the bucket's store. */
import { isUtf8 } from 'node:buffer';
import { parseLines } from './line-protocol.ts';
import { type Answer, problem, type Resources } from './resources.ts';

const nsPerUnit = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
]);
const timeNsMax = 2n ** 63n - 1n;

export interface WriteArgs {
  resources: Resources;
  query: URLSearchParams;
  /** Decompressed. */
  body: Buffer;
  nowMs: number;
}

/** Stores what can be stored of a body in line protocol, and answers. */
export function write({ resources, query, body, nowMs }: WriteArgs): Answer {
  const unit = nsPerUnit.get(query.get('precision') ?? 'ns');
  if (unit === undefined)
    return problem(400, 'invalid', `precision must be one of: ${[...nsPerUnit.keys()].join(', ')}`);
  const org = query.get('org') ?? query.get('orgID');
  if (!resources.isOrg(org)) return problem(404, 'not found', `organization name "${org}" not found`);
  const wanted = query.get('bucket') ?? '';
  const found = resources.findBucket(wanted);
  if (found === undefined) return problem(404, 'not found', `bucket "${wanted}" not found`);

  const { points, faults } = parseLines(body.toString('utf8'));
  if (!isUtf8(body)) faults.push({ line: body.toString('utf8', 0, 100), reason: 'invalid UTF-8' });
  const nowNs = BigInt(nowMs) * 1_000_000n;
  const timed = points.map(({ time, ...point }) => ({ ...point, timeNs: time === undefined ? nowNs : time * unit }));
  for (const { line, timeNs } of timed) {
    if (timeNs > timeNsMax || timeNs < -timeNsMax) faults.push({ line, reason: 'time outside range' });
  }
  // One line that cannot be read, and nothing of the body is stored.
  if (faults.length > 0) {
    const words = faults.map(({ line, reason }) => `unable to parse '${line}': ${reason}`);
    return problem(400, 'invalid', words.join('\n'));
  }
  if (timed.length === 0) return problem(400, 'invalid', 'writing requires points');
  const retentionSeconds = found.bucket.retentionRules[0]?.everySeconds ?? 0;
  const refused = found.store.write(timed, { bucketId: found.bucket.id, retentionSeconds, nowNs });
  return refused === undefined ? { status: 204 } : problem(422, 'unprocessable entity', refused);
}
