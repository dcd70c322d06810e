using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class AlertRetention : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "LastReceivedUnixNs",
                table: "alerts",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.CreateTable(
                name: "counters",
                columns: table => new
                {
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    Last = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_counters", x => x.Name);
                });

            migrationBuilder.CreateIndex(
                name: "IX_alerts_LastReceivedUnixNs",
                table: "alerts",
                column: "LastReceivedUnixNs");

            migrationBuilder.Sql(
                "UPDATE alerts SET LastReceivedUnixNs = coalesce(" +
                "(SELECT max(ReceivedUnixNs) FROM anomalies WHERE AlertId = alerts.Id), ReceivedUnixNs)");
            migrationBuilder.Sql(
                "INSERT INTO counters (Name, Last) SELECT 'alert-revisions', coalesce(max(Revision), 0) FROM alerts");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "counters");

            migrationBuilder.DropIndex(
                name: "IX_alerts_LastReceivedUnixNs",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "LastReceivedUnixNs",
                table: "alerts");
        }
    }
}
