/**
 * As much of Kafka's protocol as asking a broker who is there: the one question that tells when it serves, asked without
 * any client library. Metadata version 1 with no topics.
 */
import { connect } from 'node:net';

const metadataKey = 3;
const metadataVersion = 1;

/** The brokers that the one at `address` ("host:port") knows to be up, their node ids; rejects when it does not answer. */
export async function brokersAlive(address: string, signal: AbortSignal): Promise<number[]> {
  const [host = '', port = ''] = address.split(':');
  // Length, api key, version, correlation id, no client id, an empty array of topics.
  const request = Buffer.alloc(18);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(metadataKey, 4);
  request.writeInt16BE(metadataVersion, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  request.writeInt32BE(0, 14);
  return brokersIn(await ask({ host, port: Number(port), request, signal }));
}

interface Question {
  host: string;
  port: number;
  request: Buffer;
  signal: AbortSignal;
}

function ask({ host, port, request, signal }: Question): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal }, () => socket.write(request));
    let answer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return;
      socket.destroy();
      resolve(answer.subarray(4));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${host}:${port} closed the connection without an answer`)));
  });
}

/** Correlation id, then an array of: node id, host, port, rack; strings with 16 bits of length, -1 for none. */
function brokersIn(answer: Buffer): number[] {
  let at = 4;
  const int32 = () => {
    at += 4;
    return answer.readInt32BE(at - 4);
  };
  const skipString = () => {
    at += 2 + Math.max(0, answer.readInt16BE(at));
  };
  const ids = Array.from({ length: int32() }, () => {
    const id = int32();
    skipString();
    int32();
    skipString();
    return id;
  });
  return ids.sort((a, b) => a - b);
}
