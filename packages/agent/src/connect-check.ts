/**
 * The agent's part of `check --connect`: one request to the collector, as a batch would go but without one, so that nothing
 * is stored. Promises to find what a batch would: the name, the connection, TLS, the token, the client_id.
 */
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { PROTOBUF, saidBy } from './answer.ts';
import { createCollectorClient } from './collector-client.ts';
import type { AgentConfig } from './config.ts';
import { createCredentials } from './credentials.ts';
import { knownIdentity } from './identity.ts';
import { faultOf } from './send-fault.ts';
import { verdictOf } from './verdict.ts';

const NO_BODY = new Uint8Array();

export async function checkConnection({ collector, clientId, stateDir }: AgentConfig): Promise<CheckLine[]> {
  const { url, timeoutMs } = collector;
  const known = knownIdentity({ configured: clientId, stateDir });
  const credentials = createCredentials({ ...collector, log: silentLog });
  const { authorization, tls } = credentials.current();
  credentials.close();
  const { origin, pathname } = new URL(url);
  const client = createCollectorClient({ origin, timeoutMs, tls });
  const headers: Record<string, string> = { 'content-type': PROTOBUF, accept: PROTOBUF };
  if (known !== undefined) headers['client-id'] = known;
  if (authorization !== undefined) headers['authorization'] = authorization;
  try {
    const path = `${pathname.replace(/\/+$/, '')}/v1/batches`;
    const answer = await client.post(path, headers, NO_BODY, AbortSignal.timeout(2 * timeoutMs));
    const said = saidBy(answer, undefined);
    const verdict = verdictOf(said, true, Date.now());
    // What a collector says of a batch without a byte, once it has taken everything else.
    if (verdict.kind === 'rejected' && said.refusal?.retryClass === 'never') return [welcome(url, known)];
    const why = `${url}: ${'why' in verdict ? verdict.why : 'takes an empty batch'}`;
    if (verdict.kind === 'retry') return [{ level: 'warn', what: why }];
    return [failed(why)];
  } catch (error) {
    const { kind, why } = faultOf(error, { url, timeoutMs, tls: collector.tls, answeredBefore: false });
    return [{ ...failed(why), unreachable: kind === 'retry' }];
  } finally {
    await client.close();
  }
}

function welcome(url: string, clientId: string | undefined): CheckLine {
  const who = clientId === undefined ? 'this agent (its client_id is made at the first start)' : `client ${clientId}`;
  return { level: 'ok', what: `${url}: a collector, which takes batches of ${who}` };
}

/** Every reason ends with what to do, when there is more to do than to look whether the collector runs. */
function failed(why: string): CheckLine {
  const at = why.lastIndexOf('; ');
  if (at === -1) return { level: 'fail', what: why, fix: 'check collector.url, and that the collector runs' };
  return { level: 'fail', what: why.slice(0, at), fix: why.slice(at + 2) };
}
