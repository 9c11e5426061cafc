// Prints a report's totals and a Markdown table of the cases that failed: `node summary.mjs REPORT.json`.
import {readFileSync} from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))

console.log('| level | passed | failed | skipped |\n| --- | ---: | ---: | ---: |')
for (const level of ['must', 'should', 'robustness']) {
  const count = report.totals[level]
  console.log(`| ${level} | ${count.passed} | ${count.failed} | ${count.skipped} |`)
}

const failed = report.cases.filter((tested) => tested.status === 'failed')
if (failed.length > 0) console.log('\n| case | level | spec | what is missed | what came |\n| --- | --- | --- | --- | --- |')
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
for (const {name, level, statement, demand, reason} of failed) {
  console.log(`| ${name} | ${level} | ${statement} | ${cell(demand)} | ${cell(reason)} |`)
}
