using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class Fleets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts");

            migrationBuilder.AddColumn<long>(
                name: "BehaviourKey",
                table: "anomalies",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<string>(
                name: "FoldedInto",
                table: "alerts",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<int>(
                name: "Kind",
                table: "alerts",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<long>(
                name: "OnlyBehaviour",
                table: "alerts",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<string>(
                name: "Reason",
                table: "alerts",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<long>(
                name: "Subject",
                table: "alerts",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.CreateTable(
                name: "behaviour_incidents",
                columns: table => new
                {
                    Namespace = table.Column<string>(type: "TEXT", nullable: false),
                    Image = table.Column<string>(type: "TEXT", nullable: false),
                    BehaviourKey = table.Column<long>(type: "INTEGER", nullable: false),
                    AlertId = table.Column<string>(type: "TEXT", nullable: false),
                    ContainerId = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_behaviour_incidents", x => new { x.Namespace, x.Image, x.BehaviourKey, x.AlertId });
                });

            migrationBuilder.CreateIndex(
                name: "IX_anomalies_BehaviourKey_Id",
                table: "anomalies",
                columns: new[] { "BehaviourKey", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image_Kind_Subject",
                table: "alerts",
                columns: new[] { "ContainerId", "Node", "LineagePid", "LineageStartUnixNs", "Namespace", "Image", "Kind", "Subject" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_alerts_FoldedInto",
                table: "alerts",
                column: "FoldedInto");

            migrationBuilder.CreateIndex(
                name: "IX_alerts_Namespace_Image",
                table: "alerts",
                columns: new[] { "Namespace", "Image" });

            migrationBuilder.CreateIndex(
                name: "IX_behaviour_incidents_AlertId",
                table: "behaviour_incidents",
                column: "AlertId");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "behaviour_incidents");

            migrationBuilder.DropIndex(
                name: "IX_anomalies_BehaviourKey_Id",
                table: "anomalies");

            migrationBuilder.DropIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image_Kind_Subject",
                table: "alerts");

            migrationBuilder.DropIndex(
                name: "IX_alerts_FoldedInto",
                table: "alerts");

            migrationBuilder.DropIndex(
                name: "IX_alerts_Namespace_Image",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "BehaviourKey",
                table: "anomalies");

            migrationBuilder.DropColumn(
                name: "FoldedInto",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "Kind",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "OnlyBehaviour",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "Reason",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "Subject",
                table: "alerts");

            migrationBuilder.CreateIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts",
                columns: new[] { "ContainerId", "Node", "LineagePid", "LineageStartUnixNs", "Namespace", "Image" },
                unique: true);
        }
    }
}
