-- The operator has not processed this generation of the resource yet.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the operator" }
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if holds("Stalled") then
  return { status = "Degraded", message = conditions.Stalled.message }
end
if holds("Reconciling") then
  return { status = "Progressing", message = conditions.Reconciling.message }
end
if conditions.Ready == nil then
  return { status = "Progressing", message = "Waiting for the operator" }
end
if not holds("Ready") then
  -- The problem has lasted longer than spec.health.degradedAfterSeconds.
  return { status = "Degraded", message = conditions.Ready.message }
end
if holds("Suspended") then
  return { status = "Suspended", message = conditions.Ready.message }
end
return { status = "Healthy", message = conditions.Ready.message }
