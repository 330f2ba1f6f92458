/** InfluxDB 1.6 from the distribution's package: private instances, and the queries that judge what it holds. */
import { join } from 'node:path';
import { debianProgram } from './debian.ts';
import { freePorts } from './ports.ts';
import { run } from './run.ts';
import { launch, type Server, serverDir } from './server.ts';

export interface Influx1Options {
  /** The configuration file's settings by dotted name: `{'http.max-body-size': 1000, 'data.cache-max-memory-size': '1m'}`. */
  config?: Record<string, string | number | boolean>;
  env?: Record<string, string>;
  /** Requires the user whose name and password the instance gives. */
  auth?: boolean;
}

export interface Influx1 extends Server {
  url: string;
  /** Needed with `auth` only; has all privileges. */
  username: string;
  password: string;
}

const user = { username: 'metricstream', password: 'not-a-secret' };

/** Starts an InfluxDB 1.x of its own. */
export async function startInflux1({ config = {}, env = {}, auth = false }: Influx1Options = {}): Promise<Influx1> {
  const program = await influx1Program();
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('influx1')]);
  const url = `http://127.0.0.1:${port}`;
  const server = await launch({
    name: 'InfluxDB 1',
    dir,
    command: program.command,
    args: ['run', '-config', '/dev/null'],
    env: { ...program.env, ...asEnvironment({ ...settings(dir, port, auth), ...config }), ...env },
    isReady: async (signal) => (await fetch(`${url}/ping`, { signal })).status === 204,
  });
  if (auth) await createUser(url);
  return Object.assign(server, { url, ...user });
}

/** A program that is InfluxDB 1.x: from PATH, or the package's. */
export function influx1Program() {
  const fits = async (command: string) => /\bv?1\./.test((await run(command, ['version'])).toString('utf8'));
  return debianProgram({ name: 'influxd', pkg: 'influxdb', fits });
}

function settings(dir: string, port: number, auth: boolean): Record<string, string | number | boolean> {
  return {
    'reporting-disabled': true,
    'bind-address': '127.0.0.1:0',
    'meta.dir': join(dir, 'meta'),
    'data.dir': join(dir, 'data'),
    'data.wal-dir': join(dir, 'wal'),
    'data.query-log-enabled': false,
    'monitor.store-enabled': false,
    'subscriber.enabled': false,
    'http.bind-address': `127.0.0.1:${port}`,
    'http.log-enabled': false,
    'http.auth-enabled': auth,
  };
}

/** InfluxDB takes every setting from the environment too: `http.max-body-size` is INFLUXDB_HTTP_MAX_BODY_SIZE. */
function asEnvironment(config: Record<string, string | number | boolean>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      `INFLUXDB_${name.toUpperCase().replaceAll(/[.-]/g, '_')}`,
      String(value),
    ]),
  );
}

/** Until there is an administrator, one may be made without being one. */
async function createUser(url: string): Promise<void> {
  const { username, password } = user;
  await queryInflux1({ url, query: `CREATE USER ${username} WITH PASSWORD '${password}' WITH ALL PRIVILEGES` });
}

export interface Influx1Query {
  url: string;
  /** InfluxQL; several statements with `;` between. */
  query: string;
  db?: string;
  username?: string;
  password?: string;
}

/** A series of an answer, as InfluxDB gives it. Times are nanoseconds as text, since they are beyond exact numbers. */
export interface Influx1Series {
  name: string;
  tags?: Record<string, string>;
  columns: string[];
  values: unknown[][];
}

/** Runs InfluxQL by POST; gives the series of all statements, rejects with the server's words. */
export async function queryInflux1({
  url,
  query,
  db = '',
  username,
  password,
}: Influx1Query): Promise<Influx1Series[]> {
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
  if (username !== undefined) headers.authorization = `Basic ${btoa(`${username}:${password ?? ''}`)}`;
  const body = new URLSearchParams({ db, q: query, epoch: 'ns' });
  const response = await fetch(`${url}/query`, { method: 'POST', headers, body });
  const text = await response.text();
  const answer = parseExact(text) as { error?: string; results?: { error?: string; series?: Influx1Series[] }[] };
  const error = answer.error ?? answer.results?.find((result) => result.error !== undefined)?.error;
  if (error !== undefined) throw new Error(`InfluxDB at ${url} answered ${response.status} to "${query}": ${error}`);
  return (answer.results ?? []).flatMap(({ series = [] }) => series);
}

/** JSON, with integers beyond 2^53 kept as text. */
function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const exact = typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value);
    return exact ? value : (context?.source ?? value);
  });
}
