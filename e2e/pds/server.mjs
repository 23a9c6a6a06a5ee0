// The reference PDS and an in-memory PLC directory in one process, for tests and the demo.
//
//   node server.mjs --modules DIR --data DIR --host ADDRESS --port PORT
//
// `--modules` holds node_modules. Prints one line of JSON when it serves. Ends on SIGTERM, SIGINT or
// when stdin is closed, so that it can't outlive whoever started it, and removes `--data`.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    modules: { type: 'string' },
    data: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
  },
})

const installed = createRequire(join(options.modules, 'package.json'))
const load = (name) => import(pathToFileURL(installed.resolve(name)))
const { PDS, envToCfg, envToSecrets } = await load('@atproto/pds')
const plcServer = await load('@did-plc/server')

const stop = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  process.stdin.once('end', resolve).once('error', resolve).resume()
})

const plc = plcServer.PlcServer.create({ db: plcServer.Database.mock() })
bind(plc.app, '127.0.0.1')
const plcPort = (await plc.start()).address().port

// The PDS writes its own address into DID documents, so the port has to be known before it starts.
const port = Number(options.port) || (await freePort(options.host))
const adminPassword = randomBytes(16).toString('hex')
const environment = {
  port,
  // Any other name would have to be served by TLS. The PDS answers whatever name it is called by.
  hostname: 'localhost',
  dataDirectory: options.data,
  blobstoreDiskLocation: join(options.data, 'blobs'),
  blobstoreDiskTmpLocation: join(options.data, 'blobs-tmp'),
  // By name, since the PDS refuses to fetch from bare IP addresses.
  didPlcUrl: `http://localhost:${plcPort}`,
  devMode: true,
  inviteRequired: false,
  jwtSecret: randomBytes(16).toString('hex'),
  adminPassword,
  plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString('hex'),
}
const pds = await PDS.create(envToCfg(environment), envToSecrets(environment))
bind(pds.app, options.host)
await pds.start()
console.log(JSON.stringify({ host: options.host, port, version: pds.ctx.cfg.service.version, adminPassword }))

await stop
setTimeout(() => process.exit(1), 8_000).unref()
await pds.destroy()
await plc.destroy()
await rm(options.data, { recursive: true, force: true })
process.exit(0)

/** Both servers listen on every address of the machine: hold them to one. */
function bind(app, host) {
  const listen = app.listen
  app.listen = (port) => listen.call(app, port, host)
}

async function freePort(host) {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
