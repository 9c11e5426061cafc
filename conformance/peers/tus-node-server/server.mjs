// The peer: npm's @tus/server with its file store, every extension that the pair offers, on a loopback port.
// Prints the URL of its creation endpoint, and ends with its standard input, so that it can't outlive who started it.
import {createServer} from 'node:http'
import {FileStore} from '@tus/file-store'
import {Server} from '@tus/server'

const [directory, lifetime] = process.argv.slice(2)
const store = new FileStore({directory, expirationPeriodInMilliseconds: Number(lifetime) * 1000})
const tus = new Server({path: '/files', datastore: store, maxSize: 64 * 1024 * 1024})

// A client that hangs up right after the last byte of a GET ends the process on Node 20 (see RESULTS.md). One such
// client would decide about every other case, so that the peer is kept alive; how often that was needed is logged.
process.on('uncaughtException', (error) => console.error('kept alive after', error))

const server = createServer((request, response) => tus.handle(request, response))
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/files`))

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
