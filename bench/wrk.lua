-- wrk's side of a workload: what to send, what a good answer looks like, and one line of JSON at the end.
-- Everything comes through the environment (see wrk.py). With BENCH_BODIES every body is looked at, not a sample.

local threads = {}
expected = os.getenv("BENCH_EXPECT")
wrong, refused, sample = 0, 0, ""

wrk.method = os.getenv("BENCH_METHOD")
wrk.body = os.getenv("BENCH_BODY")
for line in os.getenv("BENCH_HEADERS"):gmatch("[^\n]+") do
  local name, value = line:match("^([^:]+): (.*)$")
  wrk.headers[name] = value
end

function setup(thread)
  table.insert(threads, thread)
end

local function look(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
  elseif not body:find(expected, 1, true) then
    wrong = wrong + 1
  else
    return
  end
  if sample == "" then
    sample = status .. " " .. body:sub(1, 300):gsub("[%c\"\\]", " ")
  end
end

if os.getenv("BENCH_BODIES") then
  response = look
end

function done(summary, latency, requests)
  local refusals, wrongs, first = 0, 0, ""
  for _, thread in ipairs(threads) do
    refusals = refusals + thread:get("refused")
    wrongs = wrongs + thread:get("wrong")
    if first == "" then first = thread:get("sample") end
  end
  local errors = summary.errors
  refusals = math.max(refusals, errors.status)
  io.write(string.format(
    '\nBENCH {"requests":%d,"seconds":%.6f,"bytes":%.0f,"p50_ms":%.3f,"p90_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,'
      .. '"connect":%d,"read":%d,"write":%d,"timeout":%d,"refused":%d,"wrong":%d,"sample":"%s"}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect, errors.read, errors.write, errors.timeout, refusals, wrongs, first))
end
