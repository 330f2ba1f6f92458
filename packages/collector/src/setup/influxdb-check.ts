/**
 * `check --connect` for InfluxDB: who answers, may we write and read, is all there that `setup influxdb` makes. Owns the
 * lines and their fixes; writes no point. Fails where points would not be stored; warns where they would, but means or
 * retention are not as configured.
 */
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { type Answer, answerIn, type InfluxdbClient } from '../sinks/influxdb/client.ts';
import { fluxText } from '../sinks/influxdb/rollup.ts';
import type { InfluxdbSettings } from '../sinks/influxdb/settings.ts';
import { rightsText } from './influxdb.ts';
import { planSetup, type Step } from './influxdb-plan.ts';
import { readInfluxdb } from './influxdb-read.ts';

/** Line protocol without a line: the server looks at who writes where, and stores nothing. */
const NO_LINE = new TextEncoder().encode('# metricstream check\n');
const SETUP = 'metricstream-collector setup influxdb -c FILE (with --dry-run first) makes it';

/** Never rejects. */
export async function checkInfluxdb(settings: InfluxdbSettings, client: InfluxdbClient): Promise<CheckLine[]> {
  const lines: CheckLine[] = [];
  try {
    const reach = await checkReach(settings, client);
    lines.push(reach);
    if (reach.level === 'fail') return lines;
    const write = await checkWrite(settings, client);
    lines.push(write);
    lines.push(...(await checkRest(settings, client, write.level === 'ok')));
  } catch (error) {
    lines.push(failureLine(settings, error));
  }
  return lines;
}

function failureLine({ url }: InfluxdbSettings, error: unknown): CheckLine {
  const away = error instanceof MetricStreamError && (error.code === 'unreachable' || error.code === 'timeout');
  const silent = away && answerIn(error) === undefined;
  const fix = silent ? `is InfluxDB running, and is sinks.influxdb.url right (${url})?` : 'look at the server';
  return { level: 'fail', what: `InfluxDB: ${messageOf(error)}`, fix, unreachable: silent || undefined };
}

async function checkReach({ url, target }: InfluxdbSettings, client: InfluxdbClient): Promise<CheckLine> {
  const { version } = await client.ping();
  const major = /^v?(\d+)\./.exec(version)?.[1];
  const what = `InfluxDB ${version || 'of unknown version'} answers at ${url}`;
  if (major === '1' && target.version === 2)
    return {
      level: 'fail',
      what,
      fix: 'it is 1.x: give database (and username, password) instead of org, bucket, token',
    };
  if (major === '2' && target.version === 1)
    return { level: 'warn', what, fix: 'it is 2.x: give org, bucket and token instead of database' };
  return { level: 'ok', what };
}

async function checkWrite(settings: InfluxdbSettings, client: InfluxdbClient): Promise<CheckLine> {
  const { target } = settings;
  const answer = await client.write(NO_LINE);
  const where = target.version === 1 ? `database "${target.database}"` : `bucket "${target.bucket}"`;
  if (answer.status < 300) return { level: 'ok', what: `writes to ${where} are taken` };
  return {
    level: 'fail',
    what: `writes to ${where} are answered with ${answer.status}: ${answer.words}`,
    fix: writeFix(settings, answer),
  };
}

function writeFix({ target }: InfluxdbSettings, { status, words }: Answer): string {
  if (status === 401)
    return target.version === 1
      ? 'sinks.influxdb.username or password is wrong'
      : 'sinks.influxdb.token is wrong, or was taken back';
  if (status === 403)
    return target.version === 1
      ? `GRANT ALL ON "${target.database}" TO "${target.username}"`
      : `give a token that may read and write the buckets "${target.bucket}" and "${target.rollupBucket}"`;
  if (status === 404 || /not found/.test(words)) return SETUP;
  return 'see the server’s log';
}

/** What needs reading: a user or token that may only write does for points. */
async function checkRest(settings: InfluxdbSettings, client: InfluxdbClient, mayWrite: boolean): Promise<CheckLine[]> {
  const lines: CheckLine[] = [];
  try {
    if (mayWrite) lines.push(...(await checkQuery(settings, client)));
    const found = await readInfluxdb(settings, client);
    return [...lines, ...planSetup(settings, found).map((step) => stepLine(step, settings))];
  } catch (error) {
    if (!(error instanceof MetricStreamError) || error.code !== 'config_invalid') throw error;
    // Said once: who may not write may not read either.
    if (!mayWrite) return lines;
    const what = `retention and means cannot be looked at: ${messageOf(error)}`;
    return [...lines, { level: 'warn', what, fix: rightsText(settings) }];
  }
}

/** Late minutes are computed by queries, which write to where the means are. */
async function checkQuery({ target }: InfluxdbSettings, client: InfluxdbClient): Promise<CheckLine[]> {
  const uses = 'the means of late minutes are computed by them';
  if (target.version === 1) {
    try {
      await client.influxql('SHOW MEASUREMENTS LIMIT 1');
      return [{ level: 'ok', what: `queries to database "${target.database}" are answered` }];
    } catch (error) {
      if (!(error instanceof MetricStreamError) || error.code !== 'config_invalid') throw error;
      const fix = `GRANT ALL ON "${target.database}" TO "${target.username}": ${uses}`;
      return [{ level: 'warn', what: `queries are not answered: ${messageOf(error)}`, fix }];
    }
  }
  const { bucket, rollupBucket, org } = target;
  const fix = `give a token that may read and write "${bucket}" and "${rollupBucket}": ${uses}`;
  const lines: CheckLine[] = [];
  try {
    await client.flux(`from(bucket: ${fluxText(bucket)}) |> range(start: -1m) |> limit(n: 1)`);
    lines.push({ level: 'ok', what: `queries to bucket "${bucket}" are answered` });
  } catch (error) {
    if (answerIn(error) === undefined) throw error;
    lines.push({ level: 'warn', what: `queries are not answered: ${messageOf(error)}`, fix });
  }
  const path = `/api/v2/write?${String(new URLSearchParams({ org, bucket: rollupBucket }))}`;
  const { status, words } = await client.api({ method: 'POST', path });
  if (status < 300) lines.push({ level: 'ok', what: `writes to bucket "${rollupBucket}" are taken` });
  // Where it is not there, its own line says so.
  else if (status !== 404)
    lines.push({
      level: 'warn',
      what: `writes to bucket "${rollupBucket}" are answered with ${status}: ${words}`,
      fix,
    });
  return lines;
}

function stepLine({ what, state, role, found, remedy }: Step, settings: InfluxdbSettings): CheckLine {
  const said = found === undefined ? '' : ` (${found.replaceAll(/\s+/g, ' ')})`;
  switch (state) {
    case 'there':
    case 'longer':
      return { level: 'ok', what: `${what}${said}` };
    case 'missing':
      return {
        level: role === 'points' ? 'fail' : 'warn',
        what: `${what} is not there${settings.target.version === 2 ? ', or the token may not see it' : ''}`,
        fix: SETUP,
      };
    case 'shorter':
      return { level: 'warn', what: `${what}: too short${said}`, fix: SETUP.replace('makes it', 'lengthens it') };
    case 'differs':
      return { level: 'warn', what: `${what} is another one${said}`, fix: remedy };
    case 'unseen':
      return {
        level: 'warn',
        what: `${what} was not looked for${said}`,
        fix: 'check with a user that has all privileges',
      };
  }
}
