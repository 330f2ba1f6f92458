/**
 * TLS options from the files that the configuration names. Promises that they are read anew at every call, so that a renewed
 * certificate is used from the next connection on, and that a file which cannot be read is named.
 */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { KafkaConnection } from './settings.ts';

export async function tlsOptions(tls: NonNullable<KafkaConnection['tls']>): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([
    pem(tls.caFile, 'ca_file'),
    pem(tls.certFile, 'cert_file'),
    pem(tls.keyFile, 'key_file'),
  ]);
  return { ca, cert, key, rejectUnauthorized: tls.verify };
}

async function pem(path: string, option: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new MetricStreamError('io', `sinks.kafka.tls.${option}: ${path} cannot be read; it must be a PEM file`, {
      cause: error,
    });
  }
}
