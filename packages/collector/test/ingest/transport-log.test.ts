/** What the log says of clients that speak something else, and how often. */
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, test } from 'vitest';
import { createTransportLog } from '../../src/ingest/transport-log.ts';

function start() {
  const lines: string[] = [];
  const clock = { ms: 0 };
  const warn = (message: string, fields: unknown): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, clock, tell: createTransportLog({ ...silentLog, warn }, () => clock.ms) };
}

test('what is to be done is told with what failed, and another why of one address is told too', () => {
  const { lines, tell } = start();
  tell('tls_handshake', '10.0.0.1:5000', 'peer did not return a certificate');
  tell('tls_handshake', '10.0.0.1:5001', 'tlsv1 alert unknown ca');
  tell('tls_handshake', '10.0.0.1:5002', 'tlsv1 alert unknown ca');
  tell('tls_handshake', '10.0.0.1:5004', 'the client hung up');
  tell('tls_handshake', '10.0.0.1:5003', "the client's certificate: CERT_HAS_EXPIRED");
  expect(lines.map((line) => (JSON.parse(line.slice(line.indexOf('{'))) as { do: string }).do)).toEqual([
    'auth is certificate: set collector.tls.cert_file at the agent',
    "the client does not trust this collector's certificate: see collector.tls.ca_file at the agent",
    "perhaps it does not trust this collector's certificate: its own log says why",
    'only those that tls.client_ca_file has signed, and that are valid now, are taken',
  ]);
});

test('each reason is told once per address in ten minutes, with what to do and why', () => {
  const { lines, clock, tell } = start();
  tell('tls_unexpected', '10.0.0.1:5000', undefined);
  tell('tls_unexpected', '10.0.0.1:5001', undefined);
  tell('tls_handshake', '10.0.0.1:5002', 'some fault');
  tell('tls_unexpected', '2001:db8::1:5003', undefined);
  tell('method', '10.0.0.9:5004', undefined);
  expect(lines).toEqual([
    'a client speaks TLS to this plain port: set tls in the configuration, or http:// at the client {"remote":"10.0.0.1:5000"}',
    'a TLS handshake failed {"remote":"10.0.0.1:5002","why":"some fault"}',
    'a client speaks TLS to this plain port: set tls in the configuration, or http:// at the client {"remote":"2001:db8::1:5003"}',
  ]);
  clock.ms = 10 * 60_000;
  tell('tls_unexpected', '10.0.0.1:5005', undefined);
  expect(lines).toHaveLength(4);
});

test('that there is no place is told of each address, or once when it is all of them', () => {
  const { lines, tell } = start();
  for (const reason of ['address_full', 'connections_full'] as const)
    for (let i = 0; i < 20; i++) tell(reason, `10.0.0.${i % 2}:${i}`, undefined);
  expect(lines.map((line) => /limits\.\S+/.exec(line)?.[0])).toEqual([
    'limits.per_address.connections',
    'limits.per_address.connections',
    'limits.connections',
  ]);
});

test('however many addresses come, the lines are bounded', () => {
  const { lines, clock, tell } = start();
  for (let i = 0; i < 10_000; i++) tell('tls_handshake', `10.0.${i >> 8}.${i & 255}:1`, 'no shared cipher');
  expect(lines).toHaveLength(256);
  clock.ms = 10 * 60_000;
  tell('tls_handshake', '10.9.9.9:1', 'some fault');
  expect(lines).toHaveLength(257);
});
