// The reference server for Node as its own documentation sets it up, on a free port, with its files in the directory
// given as the argument. It says its URL as resumed does.
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const server = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) })
const listener = server.listen({ host: '127.0.0.1', port: 0 }, () => {
  console.log(`http://127.0.0.1:${listener.address().port}/files`)
})
