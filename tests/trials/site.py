"""A site whose rules are tested."""

SITE = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s, role: main, building: A}
rules:
  - id: undervoltage
    kind: threshold
    point: voltage_l1_v
    below: 207 V
    on_delay: 2 min
    severity: high
    response: Call the grid operator.
    tests:
      - name: a short dip is no alarm
        given: ["main/voltage_l1_v: 230x3 180x3 230x30 @10s"]
        expect_notifications: []
notify:
  people:
    - {id: ana, name: Ana, channels: {mail: "mailto://u:p@127.0.0.1/?to=ana@example.org"}}
    - {id: ben, name: Ben, channels: {mail: "mailto://u:p@127.0.0.1/?to=ana@example.org"}}
  teams:
    - {id: house, members: [ana, ben], escalation: [{after: 0 min, notify: [ana]}, {after: 15 min, notify: [ben]}]}
  routes: [{team: house}]
"""
