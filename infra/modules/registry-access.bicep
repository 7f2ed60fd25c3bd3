param registryName string

@description('Principal of the app: pulls and pushes, and has the registry build where the app cannot.')
param builderId string

var roles = {
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  AcrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'
  'Container Registry Tasks Contributor': 'fb382eab-e894-4461-af04-94435c366c3f'
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: registryName
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    name: guid(registry.id, builderId, role.value)
    scope: registry
    properties: {
      principalId: builderId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
      description: role.key
    }
  }
]

output loginServer string = registry.properties.loginServer
output resourceId string = registry.id
