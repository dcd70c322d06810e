using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class Decisions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "Decision",
                table: "alerts",
                type: "BLOB",
                nullable: false,
                defaultValue: new byte[0]);

            migrationBuilder.AddColumn<string>(
                name: "OverrideId",
                table: "alerts",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "namespace_overrides",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Namespace = table.Column<string>(type: "TEXT", nullable: false),
                    ExpiresUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    Data = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_namespace_overrides", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_alerts_OverrideId",
                table: "alerts",
                column: "OverrideId");

            migrationBuilder.CreateIndex(
                name: "IX_namespace_overrides_Namespace",
                table: "namespace_overrides",
                column: "Namespace");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "namespace_overrides");

            migrationBuilder.DropIndex(
                name: "IX_alerts_OverrideId",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "Decision",
                table: "alerts");

            migrationBuilder.DropColumn(
                name: "OverrideId",
                table: "alerts");
        }
    }
}
