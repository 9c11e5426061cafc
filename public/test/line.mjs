// The line between browser and server: a TCP relay on loopback that can be slow, and can be cut. Browsers' own network
// emulation neither slows nor stops a request that is already on its way, so it proves nothing here.
import net from 'node:net';

export async function openLine(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  let perSecond = Infinity;
  let whole = true;
  let upload = 0;

  const server = net.createServer((near) => {
    if (!whole) return void near.destroy();
    const far = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    near.on('data', (data) => {
      upload += data.length;
      far.write(data);
      if (perSecond === Infinity) return;
      near.pause();
      setTimeout(() => near.resume(), (data.length / perSecond) * 1000);
    });
    near.on('end', () => far.end());
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Bytes a second for each connection, from browser to server. */
    slow: (rate) => (perSecond = rate),
    fast: () => (perSecond = Infinity),
    cut() {
      whole = false;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => (whole = true),
    /** How many bytes the browser has sent so far. */
    sent: () => upload,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
