// What may stand between a browser and the server: a proxy that keeps requests back until they are whole, one that
// refuses large ones, one that wants an access token. All of it is ordinary HTTP, by Node.
import http from 'node:http';

/**
 * @param {{ keep?: boolean, most?: number, token?: () => string | null, swallow?: number, answer?: (request) => number | undefined, prefix?: string }} ways
 *   keep: whole requests only; most: bytes that a request may have; token: what has to come with a request for an upload;
 *   swallow: bytes of a PATCH that are taken and never passed on; answer: a status instead of the server's answer;
 *   prefix: the path that it puts in front of everything, and tells the server of
 */
export async function openProxy(t, target, ways) {
  const { hostname, port } = new URL(target);
  const seen = [];

  const proxy = http.createServer((request, response) => {
    const length = Number(request.headers['content-length'] ?? 0);
    seen.push({ method: request.method, url: request.url, length, authorization: request.headers.authorization });
    if (ways.prefix) {
      if (!request.url.startsWith(`${ways.prefix}/`)) return refuse(request, response, 404, {}, 'not here');
      request.url = request.url.slice(ways.prefix.length);
      Object.assign(request.headers, { 'x-forwarded-proto': 'http', 'x-forwarded-host': request.headers.host, 'x-forwarded-prefix': ways.prefix });
    }
    request.on('error', () => {});
    response.on('error', () => {});
    const wanted = ways.token?.();
    if (wanted && /^\/(files|resumable_upload)/.test(request.url) && request.headers.authorization !== `Bearer ${wanted}`) {
      return refuse(request, response, 401, { 'WWW-Authenticate': 'Bearer' }, 'ERR_UNAUTHORIZED: this server asks for an access token\n');
    }
    if (ways.most !== undefined && length > ways.most) {
      return refuse(request, response, 413, { 'Content-Type': 'text/html' }, '<h1>413 Request Entity Too Large</h1>');
    }
    const status = ways.answer?.(request);
    if (status) return refuse(request, response, status, {}, '');
    if (ways.swallow !== undefined && request.method === 'PATCH') {
      let taken = 0;
      request.on('data', (data) => {
        taken += data.length;
        if (taken >= ways.swallow) request.pause();
      });
      return;
    }
    if (!ways.keep) return pass(request, response, request);
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => pass(request, response, Buffer.concat(parts)));
  });

  function pass(request, response, body) {
    const onward = http.request({ hostname, port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    // A browser that goes away takes its request with it.
    response.on('close', () => response.writableFinished || onward.destroy());
    if (body === request) request.pipe(onward);
    else onward.end(body);
  }

  await new Promise((ready) => proxy.listen(0, '127.0.0.1', ready));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { url: `http://127.0.0.1:${proxy.address().port}`, seen };
}

/** The answer comes when the request is over: one that comes before is a broken connection to many browsers. */
function refuse(request, response, status, headers, body) {
  request.resume();
  request.on('end', () => {
    response.writeHead(status, headers);
    response.end(body);
  });
}
