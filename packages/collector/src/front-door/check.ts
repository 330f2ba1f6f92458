/** What `check --connect` says of the files that say who may come in: the same reading as at a start, before it. */
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { readTokensFile } from '../admission/tokens-file.ts';
import type { CollectorConfig } from '../config.ts';
import { readTlsFiles } from './tls-files.ts';

export function frontDoorLines(
  { auth, tls, tokensFile }: Pick<CollectorConfig, 'auth' | 'tls' | 'tokensFile'>,
  nowUnixMs = Date.now(),
): CheckLine[] {
  const lines: CheckLine[] = [];
  if (tls !== undefined)
    lines.push(
      ...checked(() => {
        const { expiresUnixMs, warnings } = readTlsFiles(tls, auth, nowUnixMs);
        const until = `valid until ${new Date(expiresUnixMs).toISOString().slice(0, 10)}`;
        return { what: `${tls.certFile} ${expiresUnixMs > nowUnixMs ? 'is' : 'was'} ${until}`, warnings };
      }),
    );
  if (auth === 'tokens' || auth === 'either')
    lines.push(
      ...checked(() => {
        const { entries, warnings } = readTokensFile(tokensFile);
        const expired = entries.filter(({ expiresUnixMs }) => expiresUnixMs <= nowUnixMs).length;
        const held = `${tokensFile} holds ${entries.length} token${entries.length === 1 ? '' : 's'}`;
        return { what: expired === 0 ? held : `${held}, of which ${expired} expired`, warnings };
      }),
    );
  return lines;
}

function checked(read: () => { what: string; warnings: readonly string[] }): CheckLine[] {
  try {
    const { what, warnings } = read();
    return [{ level: 'ok', what }, ...warnings.map((warning): CheckLine => ({ level: 'warn', what: warning }))];
  } catch (error) {
    if (!(error instanceof MetricStreamError)) throw error;
    return [{ level: 'fail', what: messageOf(error), fix: 'mend that file: without it the collector does not start' }];
  }
}
