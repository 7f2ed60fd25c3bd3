param token string
param location string
param tags object
param workspaceId string
param storageId string

@description('Who is told; empty for nobody.')
param email string

var rules = {
  'poison-queue': {
    text: 'Messages could not be handled after five attempts: the poison queue is not empty.'
    query: 'AppMetrics | where Name == "baselift.queue.messages" and tostring(Properties.queue) endswith "-poison" and Sum > 0'
  }
  'reconciler-late': {
    text: 'No reconcile round has ended for half an hour: lost events are not found.'
    query: 'AppMetrics | where Name == "baselift.reconcile.duration" and tostring(Properties.outcome) == "done" | summarize rounds = count() | where rounds == 0'
  }
  'notice-given-up': {
    text: 'Somebody could not be told of a run or a wave: the last attempt failed (baselift notify events).'
    query: 'AppTraces | where Message startswith "notice " and Message contains " was given up after "'
  }
  'wave-halted': {
    text: 'A wave was halted by its failure budget: images stand on an old base.'
    query: 'AppMetrics | where Name == "baselift.waves" and tostring(Properties.state) == "halted" and Sum > 0'
  }
}

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-baselift-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'baselift'
    enabled: true
    emailReceivers: [
      {
        name: 'owner'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

module alerts 'br/public:avm/res/insights/scheduled-query-rule:0.6.0' = [
  for rule in items(rules): {
    name: 'alert-${rule.key}'
    params: {
      name: 'alert-baselift-${rule.key}'
      location: location
      tags: tags
      alertDescription: rule.value.text
      scopes: [workspaceId]
      severity: 2
      evaluationFrequency: 'PT15M'
      windowSize: 'PT30M'
      criterias: {
        allOf: [
          {
            query: rule.value.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: empty(email) ? {} : { actionGroupResourceIds: [group.id] }
    }
  }
]

module slow 'br/public:avm/res/insights/metric-alert:0.4.1' = {
  name: 'alert-storage'
  params: {
    name: 'alert-baselift-storage'
    location: 'global'
    tags: tags
    alertDescription: 'The storage account refuses or fails one request in twenty.'
    scopes: [storageId]
    targetResourceType: 'Microsoft.Storage/storageAccounts'
    targetResourceRegion: location
    severity: 2
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allof: [
        {
          name: 'availability'
          criterionType: 'StaticThresholdCriterion'
          metricName: 'Availability'
          timeAggregation: 'Average'
          operator: 'LessThan'
          threshold: 95
        }
      ]
    }
    actions: empty(email) ? [] : [group.id]
  }
}
