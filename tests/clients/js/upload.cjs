// One upload by tus-js-client. The argument says as JSON what to do; what happened is printed as JSON.
'use strict'
const fs = require('node:fs')
const { PassThrough } = require('node:stream')
const tus = require('tus-js-client')

const spec = JSON.parse(process.argv[2])
const file = fs.createReadStream(spec.file)
// A stream of which neither the path nor the length is known.
const source = spec.asStream ? file.pipe(new PassThrough()) : file

const told = { previous: 0, restarts: 0, begun: 0, patches: 0, statuses: {} }
let lastProgress = Date.now()

const upload = new tus.Upload(source, {
  endpoint: spec.endpoint,
  retryDelays: Array(30).fill(20),
  ...(spec.storage && { urlStorage: new tus.FileUrlStorage(spec.storage) }),
  ...spec.options,
  onProgress(sent) {
    lastProgress = Date.now()
    if (spec.terminateAfter !== undefined && sent > spec.terminateAfter) terminate()
  },
  onBeforeRequest(request) {
    // A permit ends while the line is down: the client comes back with the next one, which is none any more.
    if (spec.permits && request.getMethod() === 'HEAD' && told.renewed === undefined) renew(0)
    if (spec.permits) request.setHeader('Authorization', `Bearer ${spec.permits[0]}`)
    if (request.getMethod() === 'PATCH') told.begun += 1
  },
  onAfterResponse(request, response) {
    if (request.getMethod() === 'PATCH') told.patches += 1
    const status = response.getStatus()
    told.statuses[status] = (told.statuses[status] ?? 0) + 1
    if (spec.permits && status === 401) {
      renew(1)
      // docs/access.md
      if (request.getMethod() === 'HEAD') throw new Error('once more, with another permit')
    }
  },
  onSuccess() {
    told.url = upload.url
    end('success')
  },
  onError(error) {
    told.error = String(error)
    end('error')
  },
})

function renew(times) {
  spec.permits.shift()
  told.renewed = times
}

function end(how) {
  console.log(JSON.stringify({ how, ...told }))
  process.exit(0)
}

let terminating = false
function terminate() {
  if (terminating || !upload.url) return
  terminating = true
  told.url = upload.url
  upload.abort(true).then(() => end('terminated'), (error) => {
    told.error = String(error)
    end('error')
  })
}

// tus-js-client never notices a silent connection by itself; applications do it like this.
if (spec.restartAfterSilence) {
  setInterval(() => {
    if (!upload.url || Date.now() - lastProgress < spec.restartAfterSilence) return
    lastProgress = Date.now()
    told.restarts += 1
    // Not at once: the error of the aborted request would count for the new start.
    upload.abort().then(() => setTimeout(() => upload.start(), 50))
  }, 20)
}

async function main() {
  if (spec.resume) {
    const previous = await upload.findPreviousUploads()
    told.previous = previous.length
    if (previous.length > 0) upload.resumeFromPreviousUpload(previous[0])
  }
  upload.start()
}

main()
