/**
 * The options of who may come in and how much of everything: `tls`, `auth`, `tokens_file`, `limits`. Owns their defaults
 * and bounds, what they say about each other, and their form in the program.
 */
import {
  byteRateOrUnlimited,
  bytes,
  choice,
  duration,
  integer,
  integerOr,
  rateOrUnlimited,
  text,
} from '@metricstream/shared/config/leaves.ts';
import { isLoopback, type ListenAddress } from '@metricstream/shared/config/listen.ts';
import type { CrossFault } from '@metricstream/shared/config/load.ts';
import { formatDuration } from '@metricstream/shared/units.ts';
import { z } from 'zod';
import { CLIENTS_BOUND, CLIENTS_MAX } from '../admission/client-table.ts';
import { BURST_MS_MAX, RATE_PER_SECOND_MIN } from '../admission/limits.ts';
import { AUTH_MODES, type AuthMode, type CollectorConfig, TLS_CLIENT_IDS, TLS_VERSIONS } from './types.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

/** The agent's default interval, and 5 s for a slow one. */
const IDLE_TIMEOUT_WISE_MS = 15_000;

const path = (expected: string, pattern: RegExp) => text({ expected, pattern, charsMax: 1024 });

export const tlsSchema = z.strictObject({
  cert_file: path('the path of a PEM file: the certificate, then those that sign it', /^[^\0]+$/),
  key_file: path('the path of a PEM file: the private key of the certificate', /^[^\0]+$/),
  client_ca_file: path('the path of a PEM file: who signs the certificates of clients', /^[^\0]*$/).prefault(''),
  client_id: choice(TLS_CLIENT_IDS).prefault('san'),
  min_version: choice(TLS_VERSIONS).prefault('1.2'),
});

export const authSchema = choice(AUTH_MODES);
export const tokensFileSchema = path('the path of a file', /^[^\0]+$/).prefault('/etc/metricstream/tokens');

export const limitsSchema = z.strictObject({
  connections: integer({ min: 1, max: 1_000_000 }).prefault(10_000),
  clients: integer({ min: 1, max: CLIENTS_BOUND }).prefault(CLIENTS_MAX),
  head: bytes({ min: KiB, max: 64 * KiB }).prefault('16KiB'),
  body: bytes({ min: KiB, max: 16 * MiB }).prefault('1MiB'),
  decompressed: bytes({ min: KiB, max: 16 * MiB }).prefault('4MiB'),
  decompression_ratio: integer({ min: 2, max: 10_000 }).prefault(200),
  series_per_batch: integer({ min: 1, max: 1_000_000 }).prefault(10_000),
  requests_per_connection: integerOr('unlimited', { min: 1, max: 2 ** 31 }).prefault(100_000),
  pipelined: integer({ min: 1, max: 1024 }).prefault(64),
  head_timeout: duration({ min: 100, max: 60 * SECOND }).prefault('10s'),
  body_timeout: duration({ min: 100, max: 600 * SECOND }).prefault('30s'),
  body_rate: byteRateOrUnlimited().prefault('1KiB/s'),
  idle_timeout: duration({ min: 100, max: DAY }).prefault('75s'),
  per_address: z
    .strictObject({
      connections: integerOr('unlimited', { min: 1, max: 1_000_000 }).prefault(8000),
      unauthenticated: rateOrUnlimited().prefault('10/s'),
    })
    .prefault({}),
  per_client: z
    .strictObject({
      requests: rateOrUnlimited().prefault('100/s'),
      bytes: byteRateOrUnlimited().prefault('16MiB/s'),
      points: rateOrUnlimited().prefault('200000/s'),
      burst: duration({ min: 100, max: BURST_MS_MAX }).prefault('10s'),
    })
    .prefault({}),
});

type FrontDoorFile = {
  listen: ListenAddress;
  tls?: z.output<typeof tlsSchema> | undefined;
  auth?: AuthMode | undefined;
  tokens_file: string;
  limits: z.output<typeof limitsSchema>;
};

export function checkFrontDoor(file: FrontDoorFile): CrossFault[] {
  return [...checkAuth(file), ...checkTimes(file.limits), ...checkRates(file.limits)];
}

/** Whoever can reach the port is somebody: beyond loopback it must be written down that nobody is asked who he is. */
function checkAuth({ listen, tls, auth }: FrontDoorFile): CrossFault[] {
  const found: CrossFault[] = [];
  const reachable = !isLoopback(listen.host);
  const byCertificate = auth === 'certificate' || auth === 'either';
  if (reachable && auth === undefined)
    found.push({
      path: ['listen'],
      what: `${listen.host} can be reached from other machines, and nothing says who may send metrics`,
      expected: 'auth: tokens, certificate or either; or auth: none where everybody who reaches it may',
    });
  if (reachable && auth === 'none')
    found.push({
      path: ['auth'],
      level: 'warning',
      what: `with none, whoever reaches ${listen.host} may send metrics under any name`,
    });
  if (reachable && tls === undefined && (auth === 'tokens' || auth === 'either'))
    found.push({
      path: ['auth'],
      others: [['tls']],
      level: 'warning',
      what: 'without tls, tokens cross the network in the clear',
    });
  if (byCertificate && (tls === undefined || tls.client_ca_file === ''))
    found.push({
      path: ['auth'],
      others: [['tls']],
      what: `${auth} needs certificates of clients, and nothing says who signs them`,
      expected: 'tls.client_ca_file too',
    });
  if (!byCertificate && tls !== undefined && tls.client_ca_file !== '')
    found.push({
      path: ['tls', 'client_ca_file'],
      others: [['auth']],
      what: 'is of no use while nobody is known by a certificate',
      expected: 'auth: certificate or either, or no tls.client_ca_file',
    });
  return found;
}

function checkTimes({ idle_timeout: idleMs }: FrontDoorFile['limits']): CrossFault[] {
  if (idleMs >= IDLE_TIMEOUT_WISE_MS) return [];
  return [
    {
      path: ['limits', 'idle_timeout'],
      level: 'warning',
      what: `${formatDuration(idleMs)} closes the connection of an agent between two batches (10s apart by default)`,
      expected: `at least ${formatDuration(IDLE_TIMEOUT_WISE_MS)}`,
    },
  ];
}

/** The limiter's debts end after a minute (admission/limits.ts). */
function checkRates({ per_client: client, per_address: address }: FrontDoorFile['limits']): CrossFault[] {
  const rates: [path: string[], rate: number][] = [
    [['limits', 'per_address', 'unauthenticated'], address.unauthenticated],
    ...(['requests', 'bytes', 'points'] as const).map((kind): [string[], number] => [
      ['limits', 'per_client', kind],
      client[kind],
    ]),
  ];
  return rates
    .filter(([, rate]) => rate < RATE_PER_SECOND_MIN)
    .map(([at]) => ({ path: at, what: 'is less than one a minute', expected: 'at least 1/m' }));
}

export function shapeTls(tls: FrontDoorFile['tls']): CollectorConfig['tls'] {
  if (tls === undefined) return undefined;
  return {
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    clientCaFile: tls.client_ca_file,
    clientId: tls.client_id,
    minVersion: tls.min_version,
  };
}

export function shapeLimits(limits: FrontDoorFile['limits']): CollectorConfig['limits'] {
  const { per_client: client, per_address: address } = limits;
  return {
    connectionsMax: limits.connections,
    clientsMax: limits.clients,
    headBytesMax: limits.head,
    bodyBytesMax: limits.body,
    decompressedBytesMax: limits.decompressed,
    decompressionRatioMax: limits.decompression_ratio,
    seriesPerBatchMax: limits.series_per_batch,
    requestsPerConnectionMax: orInfinity(limits.requests_per_connection),
    pipelinedMax: limits.pipelined,
    headTimeoutMs: limits.head_timeout,
    bodyTimeoutMs: limits.body_timeout,
    bodyBytesPerSecondMin: Number.isFinite(limits.body_rate) ? limits.body_rate : 0,
    idleTimeoutMs: limits.idle_timeout,
    perAddress: {
      connectionsMax: orInfinity(address.connections),
      unauthenticatedPerSecond: address.unauthenticated,
    },
    perClient: {
      requestsPerSecond: client.requests,
      bytesPerSecond: client.bytes,
      pointsPerSecond: client.points,
      burstMs: client.burst,
    },
  };
}

function orInfinity(value: number | 'unlimited'): number {
  return value === 'unlimited' ? Number.POSITIVE_INFINITY : value;
}

/** @returns ` with TLS, tokens`, for the summary in one line. */
export function doorText({ tls, auth }: Pick<CollectorConfig, 'tls' | 'auth'>): string {
  const known = { none: '', tokens: 'tokens', certificate: 'client certificates', either: 'tokens or certificates' }[
    auth
  ];
  const parts = [tls === undefined ? '' : 'TLS', known].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` with ${parts.join(', ')}`;
}
